import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Device } from '../../contract/attachment.ts';
import { openForCopy, openForReading } from '../../copy/ends.ts';
import { MIB, Rig } from './rig.ts';

const BYTES = MIB;
/** Programs start within a part of it on the busiest machine. */
const HANG_SECONDS = 10;
let rig: Rig;

beforeEach(async () => {
  rig = await Rig.make();
});
afterEach(() => rig.close());

type Served = { device: Device; pid: number; hang: () => void; goOn: () => void };

/** A file served by a qemu-storage-daemon, which can be stopped: then nobody answers for it. */
async function served(): Promise<Served> {
  const behind = await rig.file('behind', BYTES, 0);
  const path = rig.path('served');
  await writeFile(path, '');
  const node = { driver: 'file', 'node-name': 'node', filename: behind.path };
  const fuse = { type: 'fuse', id: 'e', 'node-name': 'node', mountpoint: path, writable: true };
  const args = ['--blockdev', JSON.stringify(node), '--export', JSON.stringify(fuse)];
  const child = spawn('qemu-storage-daemon', args, { stdio: 'ignore' });
  rig.undo(async () => {
    const ended = once(child, 'exit');
    child.kill('SIGCONT');
    child.kill('SIGTERM');
    await ended;
  });
  while (!(await readFile('/proc/self/mountinfo', 'utf8')).includes(` ${path} `)) await sleep(20);
  return {
    device: { ...behind, path },
    pid: child.pid!,
    hang: () => child.kill('SIGSTOP'),
    goOn: () => child.kill('SIGCONT'),
  };
}

it.each(['copy', 'verify'])(
  'starts other programs while an open end of a %s hangs',
  async (use) => {
    const source = await rig.file('from', BYTES);
    const { device, pid, hang, goOn } = await served();
    const ends = { source, destination: device };
    const volumes = {
      source: { backend: 'file', id: 'from' },
      destination: { backend: 'file', id: 'served' },
    };
    const open = await (use === 'copy' ? openForCopy(ends, volumes) : openForReading(ends));
    // By another process, for a start that hangs blocks this one as a whole.
    const waker = spawn('sh', ['-c', `sleep ${HANG_SECONDS}; kill -CONT ${pid}`]);
    await once(waker, 'spawn');
    hang();
    const startedAt = performance.now();
    const child = spawn('true');
    await once(child, 'exit');
    expect(performance.now() - startedAt).toBeLessThan((HANG_SECONDS * 1000) / 2);
    goOn();
    await once(waker, 'exit');
    await open.close();
  },
);
