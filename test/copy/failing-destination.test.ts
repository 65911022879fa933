import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Device } from '../../contract/attachment.ts';
import { runCopy } from '../../copy/copier.ts';
import { sumBytes } from '../../copy/ranges.ts';
import { digest, MIB, Rig } from './rig.ts';

const BYTES = 8 * MIB;
let rig: Rig;
beforeEach(async () => (rig = await Rig.make()));
afterEach(() => rig.close());

/** The file once more, by way of nbdkit, which can be told to fail, and nbdfuse. */
async function served(file: Device, ...nbdkit: string[]): Promise<Device> {
  const path = rig.path('served');
  await writeFile(path, '');
  const args = [path, '--command', 'nbdkit', '-s', '--exit-with-parent', ...nbdkit];
  const child = spawn('nbdfuse', args, { stdio: 'ignore' });
  rig.undo(async () => {
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    await ended;
  });
  while (!(await readFile('/proc/self/mountinfo', 'utf8')).includes(` ${path} `)) await sleep(20);
  return { ...file, path };
}

/** Served by scripts; its flush fails while the file `broken` is there. */
async function flushing(file: Device): Promise<Device> {
  return served(
    file,
    'eval',
    `get_size=echo ${file.sizeBytes}`,
    `pread=dd if=${file.path} skip=$4 count=$3 iflag=skip_bytes,count_bytes bs=1M status=none`,
    `pwrite=dd of=${file.path} seek=$4 oflag=seek_bytes conv=notrunc bs=1M status=none`,
    'can_write=exit 0',
    'can_flush=exit 0',
    `flush=if [ -e ${rig.path('broken')} ]; then echo EIO lost >&2; exit 1; fi`,
  );
}

describe.each(['dd', 'direct', 'file'] as const)('engine %s', (engine) => {
  it('a flush that fails is a failed copy, and nothing counts as flushed', async () => {
    const file = await rig.file('b', BYTES, 0xaa);
    const ends = { source: await rig.file('a', BYTES), destination: await flushing(file) };
    const plan = await rig.plan(ends, { engine });
    await writeFile(rig.path('broken'), '');
    const broken = rig.run(plan, ends);
    const error = { code: 'DestinationUnwritable' };
    await expect(runCopy(broken)).rejects.toMatchObject(error);
    expect(broken.seen.map(({ bytesFlushed }) => bytesFlushed)).toEqual(broken.seen.map(() => 0));
    await rm(rig.path('broken'));
    expect(await runCopy(rig.run(plan, ends))).toMatchObject({ attempts: 2 });
    expect(await digest(file.path)).toBe(await digest(ends.source.path));
  });

  it('a flush that fails on the way: what was flushed before is done, and no more', async () => {
    const file = await rig.file('b', BYTES, 0xaa);
    const ends = { source: await rig.file('a', BYTES), destination: await flushing(file) };
    const plan = await rig.plan(ends, { engine });
    const run = rig.run(plan, ends);
    const { onProgress } = run;
    run.onProgress = (progress) => {
      onProgress(progress);
      if (progress.bytesFlushed > 0) writeFileSync(rig.path('broken'), '');
    };
    await expect(runCopy(run)).rejects.toMatchObject({ code: 'DestinationUnwritable' });
    const { flushed, bytesFlushed } = run.seen.at(-1)!;
    expect(bytesFlushed).toBeLessThan(BYTES);
    expect(sumBytes(flushed)).toBe(bytesFlushed);
    const [copied, source] = [await readFile(file.path), await readFile(ends.source.path)];
    for (const { offset, length } of flushed) {
      const part = (bytes: Buffer): Buffer => bytes.subarray(offset, offset + length);
      expect(part(copied).equals(part(source))).toBe(true);
    }
    await rm(rig.path('broken'));
    await runCopy(rig.run(plan, ends));
    expect(await digest(file.path)).toBe(await digest(ends.source.path));
  });

  it('writes that fail, and come late, cost an attempt and never bytes', async () => {
    const file = await rig.file('b', BYTES, 0xaa);
    const filters = ['--filter=delay', '--filter=error'];
    const how = ['delay-write=5ms', 'error-pwrite-rate=100%'];
    const when = `error-pwrite-file=${rig.path('broken')}`;
    const destination = await served(file, ...filters, 'file', file.path, ...how, when);
    const ends = { source: await rig.file('a', BYTES), destination };
    const plan = await rig.plan(ends, { engine });
    await writeFile(rig.path('broken'), '');
    const broken = rig.run(plan, ends);
    const error = { code: 'DestinationUnwritable' };
    await expect(runCopy(broken)).rejects.toMatchObject(error);
    expect(broken.seen.at(-1)).toMatchObject({ bytesFlushed: 0, flushed: [] });
    await rm(rig.path('broken'));
    await runCopy(rig.run(plan, ends));
    expect(await digest(file.path)).toBe(await digest(ends.source.path));
  });
});
