import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { openForCopy, openForReading } from '../../copy/ends.ts';
import { MIB, Rig } from './rig.ts';
import { servedByQemu } from './served.ts';

const BYTES = MIB;
/** Programs start within a part of it on the busiest machine. */
const HANG_SECONDS = 10;
let rig: Rig;

beforeEach(async () => {
  rig = await Rig.make();
});
afterEach(() => rig.close());

it.each(['copy', 'verify'])(
  'starts other programs while an open end of a %s hangs',
  async (use) => {
    const source = await rig.file('from', BYTES);
    const { device, server } = await servedByQemu(rig, await rig.file('behind', BYTES, 0));
    const ends = { source, destination: device };
    const volumes = {
      source: { backend: 'file', id: 'from' },
      destination: { backend: 'file', id: 'served' },
    };
    const open = await (use === 'copy' ? openForCopy(ends, volumes) : openForReading(ends));
    // By another process, for a start that hangs blocks this one as a whole.
    const waker = spawn('sh', ['-c', `sleep ${HANG_SECONDS}; kill -CONT ${server.pid}`]);
    await once(waker, 'spawn');
    server.kill('SIGSTOP');
    const startedAt = performance.now();
    const child = spawn('true');
    await once(child, 'exit');
    expect(performance.now() - startedAt).toBeLessThan((HANG_SECONDS * 1000) / 2);
    server.kill('SIGCONT');
    await once(waker, 'exit');
    await open.close();
  },
);
