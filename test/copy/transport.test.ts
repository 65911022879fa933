import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Device } from '../../contract/attachment.ts';
import { ENGINES } from '../../contract/copy.ts';
import { runCopy } from '../../copy/copier.ts';
import { runVerify } from '../../copy/verify.ts';
import { digest, exec, exists, MIB, Rig } from './rig.ts';

let rig: Rig;
beforeEach(async () => (rig = await Rig.make()));
afterEach(() => rig.close());

/** A write at this byte arrives with each of its bytes one higher, the first time. */
const AT = 5 * MIB;

/** The file behind a way that damages one write and says that all is well. */
async function damaged(file: Device, marker: string): Promise<Device> {
  const directory = rig.path('served');
  await mkdir(directory);
  const write = `dd of=${file.path} conv=notrunc oflag=seek_bytes seek=$4 bs=1M status=none`;
  const damage = `touch ${marker}; tr '\\000-\\377' '\\001-\\377\\000' | ${write}`;
  const read = `dd if=${file.path} iflag=skip_bytes,count_bytes skip=$4 count=$3 bs=1M status=none`;
  const plugin = [
    ...['eval', `get_size=echo ${file.sizeBytes}`, `pread=${read}`, 'can_write=exit 0'],
    `pwrite=if [ $4 -le ${AT} ] && [ $(($4 + $3)) -gt ${AT} ] && [ ! -e ${marker} ]; then ${damage}; else ${write}; fi`,
    ...['can_flush=exit 0', `flush=sync ${file.path}`],
  ];
  const args = [`${directory}/disk`, '--command', 'nbdkit', '-s', '--exit-with-parent', ...plugin];
  const child = spawn('nbdfuse', args, { stdio: 'ignore' });
  rig.undo(async () => {
    const ended = once(child, 'exit');
    await exec('fusermount3', ['-u', directory]);
    await ended;
  });
  while (!(await readFile('/proc/self/mountinfo', 'utf8')).includes(` ${directory} `)) {
    await sleep(20);
  }
  return { ...file, path: `${directory}/disk` };
}

it.each(ENGINES)(
  'engine %s: bytes damaged on their way are found, and copied again',
  async (engine) => {
    const source = await rig.file('from', 8 * MIB);
    const behind = await rig.file('to', 8 * MIB, 0);
    const marker = rig.path('damaged');
    const ends = { source, destination: await damaged(behind, marker) };
    const plan = await rig.plan(ends, { engine });
    const verify = () => runVerify(rig.verify(plan, ends, { mode: 'written' }));
    await runCopy(rig.run(plan, ends));
    expect(await exists(marker)).toBe(true);
    expect(await digest(behind.path)).not.toBe(await digest(source.path));
    const found = { code: 'VerifyFailed', params: { offset: AT, chunks: 1 } };
    await expect(verify()).rejects.toMatchObject(found);
    const { bytesRepaired } = await runCopy(rig.run(plan, ends));
    expect(bytesRepaired).toBe(plan.chunkBytes);
    await verify();
    expect(await digest(behind.path)).toBe(await digest(source.path));
  },
);
