import { writeFileSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Device } from '../../contract/attachment.ts';
import { runCopy } from '../../copy/copier.ts';
import { sumBytes } from '../../copy/ranges.ts';
import { runVerify } from '../../copy/verify.ts';
import { digest, MIB, Rig } from './rig.ts';
import { endServer, servedByNbdkit } from './served.ts';

const BYTES = 8 * MIB;
let rig: Rig;
beforeEach(async () => (rig = await Rig.make()));
afterEach(() => rig.close());

/** Written by this script. */
const write = (file: Device): string =>
  `dd of=${file.path} seek=$4 oflag=seek_bytes conv=notrunc bs=1M status=none`;

/** Served by scripts; its flush fails while the file `broken` is there. */
async function flushing(file: Device, pwrite = write(file)): Promise<Device> {
  const { device } = await servedByNbdkit(
    rig,
    file,
    'eval',
    `get_size=echo ${file.sizeBytes}`,
    `pread=dd if=${file.path} skip=$4 count=$3 iflag=skip_bytes,count_bytes bs=1M status=none`,
    `pwrite=${pwrite}`,
    'can_write=exit 0',
    'can_flush=exit 0',
    `flush=if [ -e ${rig.path('broken')} ]; then echo EIO lost >&2; exit 1; fi`,
  );
  return device;
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

  it('a device that ends early fails the copy, and what was flushed is not copied again', async () => {
    const file = await rig.file('b', BYTES, 0xaa);
    const longer = rig.path('longer');
    const end = BYTES - 3 * MIB;
    const isBehind = `[ ! -e ${longer} ] && [ $(($4 + $3)) -gt ${end} ]`;
    const ends = {
      source: await rig.file('a', BYTES),
      destination: await flushing(
        file,
        `if ${isBehind}; then echo ENOSPC it ends >&2; exit 1; fi; ${write(file)}`,
      ),
    };
    const plan = await rig.plan(ends, { engine });
    const short = rig.run(plan, ends);
    // Of several requests at once nbdfuse may say EIO where nbdkit says ENOSPC.
    const code = expect.stringMatching(/^Destination(Full|Unwritable)$/) as string;
    await expect(runCopy(short)).rejects.toMatchObject({ code });
    const { bytesFlushed } = short.seen.at(-1)!;
    expect(bytesFlushed).toBeLessThanOrEqual(end);
    await writeFile(longer, '');
    const again = rig.run(plan, ends);
    expect(await runCopy(again)).toMatchObject({ attempts: 2 });
    expect(again.seen[0]?.bytesFlushed).toBe(bytesFlushed);
    expect(await digest(file.path)).toBe(await digest(ends.source.path));
  });

  it('a flush that answers and keeps nothing: what was lost is found, and copied again', async () => {
    const file = await rig.file('b', BYTES, 0xaa);
    const lying = await servedByNbdkit(rig, file, '--filter=cow', 'file', file.path);
    const ends = { source: await rig.file('a', BYTES), destination: lying.device };
    const plan = await rig.plan(ends, { engine });
    await runCopy(rig.run(plan, ends));
    // All of it lay above the device, and is gone with its server.
    await endServer(lying.server);
    await servedByNbdkit(rig, file, 'file', file.path);
    const verify = () => runVerify(rig.verify(plan, ends, { mode: 'written' }));
    const lost = { code: 'VerifyFailed', params: { offset: 0, chunks: BYTES / plan.chunkBytes } };
    await expect(verify()).rejects.toMatchObject(lost);
    expect(await runCopy(rig.run(plan, ends))).toMatchObject({ bytesRepaired: BYTES });
    await verify();
    expect(await digest(file.path)).toBe(await digest(ends.source.path));
  });

  it('writes that fail, and come late, cost an attempt and never bytes', async () => {
    const file = await rig.file('b', BYTES, 0xaa);
    const filters = ['--filter=delay', '--filter=error'];
    const how = ['delay-write=5ms', 'error-pwrite-rate=100%'];
    const when = `error-pwrite-file=${rig.path('broken')}`;
    const nbdkit = [...filters, 'file', file.path, ...how, when];
    const { device: destination } = await servedByNbdkit(rig, file, ...nbdkit);
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
