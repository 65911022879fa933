import { spawn } from 'node:child_process';
import { createHash, randomBytes, randomInt } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, open, readFile, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Device } from '../../contract/attachment.ts';
import type { CopyEnds, CopyPlan, EngineName, ZeroHandling } from '../../contract/copy.ts';
import { runCopy } from '../../copy/copier.ts';
import { MerkleTree } from '../../copy/merkle.ts';
import { runVerify } from '../../copy/verify.ts';
import { digest, exec, MIB, Rig } from './rig.ts';

let rig: Rig;
beforeEach(async () => (rig = await Rig.make()));
afterEach(() => rig.close());

/** Runs of data, written zeros and holes, each as long as chance has it. */
async function patchwork(name: string, bytes: number): Promise<Device> {
  const path = rig.path(name);
  const file = await open(path, 'w');
  await file.truncate(bytes);
  for (let at = 0; at < bytes;) {
    const length = Math.min(bytes - at, 512 * randomInt(1, 2 ** randomInt(1, 12)));
    const kind = randomInt(3);
    if (kind > 0) {
      const content = kind === 1 ? randomBytes(length) : Buffer.alloc(length);
      await file.write(content, 0, length, at);
    }
    at += length;
  }
  // Not flushed: what a file tells of its data has to hold before it is on the disk.
  await file.close();
  return { path, sizeBytes: bytes, accessMode: 'rw' };
}

async function rootOf({ path }: Device, { bytesTotal, chunkBytes }: CopyPlan): Promise<string> {
  const content = await readFile(path);
  const count = Math.ceil(bytesTotal / chunkBytes);
  const leaves = Array.from({ length: count }, (_, i) =>
    createHash('sha256')
      .update(content.subarray(i * chunkBytes, (i + 1) * chunkBytes))
      .digest(),
  );
  return new MerkleTree(leaves).root;
}

/** The plan, with another way to deal with zeros where the destination allows it. */
const handling = (plan: CopyPlan, zeros: ZeroHandling): CopyPlan => ({
  ...plan,
  zeros: { value: zeros, because: 'test' },
});

/** As many attempts as it takes; the copier of the first ones is killed somewhere on its way. */
async function copyThroughKills(plan: CopyPlan, ends: CopyEnds, copyId: string) {
  for (let kills = 0; ; kills += 1) {
    let pid = 0;
    const run = rig.run(plan, ends, { copyId });
    run.onProgress = (progress) => void (pid = progress.copierPid ?? pid);
    const copy = runCopy(run).catch((error: unknown) => error as { code?: string });
    if (kills < 2) {
      while (pid === 0) await sleep(1);
      await sleep(randomInt(200, 900));
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // It has ended already: this attempt is not killed.
      }
    }
    const result = await copy;
    if ('bytes' in result) return result;
    expect(result.code).toBe('CopierFailed');
  }
}

describe.each([
  ['dd', 'skip'],
  ['dd', 'write'],
  ['file', 'write'],
  ['direct', 'skip'],
  ['direct', 'discard'],
  ['direct', 'write'],
] as const)('engine %s, zeros: %s', (engine: EngineName, zeros: ZeroHandling) => {
  it.each(['file', 'block'] as const)(
    'the destination, a %s, equals the source, whatever was on it, through kills',
    async (kind) => {
      const bytes = 12 * MIB + 512 * randomInt(0, 9);
      const source = await patchwork('a', bytes);
      // Only what reads as zeros may be left as it is.
      const file = await rig.file('b', bytes + MIB, zeros === 'skip' ? 0 : 'random');
      const behind = await readFile(file.path);
      const destination = kind === 'file' ? file : await rig.loop(file);
      const ends = { source, destination };
      const plan = handling(await rig.plan(ends, { engine, blockSize: '64K' }), zeros);
      expect(plan.chunkBytes).toBeLessThan(MIB);
      const result = await copyThroughKills(plan, ends, 'copy-1');
      expect(await digest(file.path, bytes)).toBe(await digest(source.path));
      const after = await readFile(file.path);
      expect(after.subarray(bytes).equals(behind.subarray(bytes))).toBe(true);
      expect(rig.notices.filter((notice) => notice.includes('zeros'))).toEqual([]);
      const verified = await runVerify(rig.verify(plan, ends));
      expect(verified.digestsRoot).toBe(await rootOf(source, plan));
      if (engine === 'direct') {
        const { bytesWritten = 0, bytesSkipped = 0, bytesZeroed = 0 } = result;
        expect(bytesWritten + bytesSkipped + bytesZeroed).toBe(bytes);
        expect(result.bytesRead).toBeLessThan(bytes);
        expect(bytesZeroed > 0).toBe(zeros === 'discard');
      }
    },
    60_000,
  );
});

it.each(['dd', 'direct'] as const)(
  '%s writes zeros where an earlier attempt may have written, though the rest is left out',
  async (engine) => {
    const bytes = 4 * MIB;
    const source = await rig.file('a', bytes);
    const ends = { source, destination: await rig.file('b', bytes, 0) };
    const plan = await rig.plan(ends, { engine }, true);
    expect(plan.zeros.value).toBe('skip');
    await runCopy(rig.run(plan, ends));
    // The source changes to zeros after it was copied.
    const file = await open(source.path, 'r+');
    await file.write(Buffer.alloc(MIB), 0, MIB, MIB);
    await file.close();
    const code = engine === 'dd' ? 'EndsDiffer' : 'SourceChanged';
    await expect(runVerify(rig.verify(plan, ends))).rejects.toMatchObject({ code });
    expect(await runCopy(rig.run(plan, ends))).toMatchObject({ bytesRepaired: plan.chunkBytes });
    await runVerify(rig.verify(plan, ends));
    expect(await digest(ends.destination.path)).toBe(await digest(source.path));
  },
);

/** A file once more, as qemu-storage-daemon serves it. */
async function served(file: Device): Promise<Device> {
  const path = `${file.path}.served`;
  await writeFile(path, '');
  const node = { driver: 'file', 'node-name': 'node', filename: file.path };
  const fuse = { type: 'fuse', id: 'e', 'node-name': 'node', mountpoint: path, writable: true };
  const args = ['--blockdev', JSON.stringify(node), '--export', JSON.stringify(fuse)];
  const child = spawn('qemu-storage-daemon', args, { stdio: 'ignore' });
  rig.undo(async () => {
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    await ended;
  });
  while (!(await readFile('/proc/self/mountinfo', 'utf8')).includes(` ${path} `)) await sleep(20);
  return { ...file, path };
}

it('knows the holes of a file of FUSE, and makes zeros on one over old data', async () => {
  const bytes = 24 * MIB;
  const source = await rig.sparse('a', bytes);
  const behind = await rig.file('b', bytes, 0xaa);
  const ends = { source: await served(source), destination: await served(behind) };
  const plan = await rig.plan(ends, { engine: 'direct' });
  expect(plan).toMatchObject({ extents: { value: true }, zeros: { value: 'discard' } });
  const result = await runCopy(rig.run(plan, ends));
  expect(await digest(behind.path)).toBe(await digest(source.path));
  expect(result).toMatchObject({ bytesRead: 16 * MIB, bytesZeroed: 8 * MIB });
  expect(rig.notices.filter((notice) => notice.includes('zeros'))).toEqual([]);
});

it('writes zeros where the destination cannot make them, and says so', async () => {
  await mkdir(rig.path('ramfs'));
  await exec('mount', ['-t', 'ramfs', 'ramfs', rig.path('ramfs')]);
  rig.undo(() => exec('umount', [rig.path('ramfs')]));
  const source = await rig.sparse('a', 6 * MIB);
  const ends = { source, destination: await rig.file('ramfs/b', 6 * MIB, 0xaa) };
  const plan = await rig.plan(ends, { engine: 'direct' });
  expect(plan.zeros.value).toBe('discard');
  expect(await runCopy(rig.run(plan, ends))).toMatchObject({
    ...{ bytesRead: 4 * MIB, bytesWritten: 6 * MIB, bytesSkipped: 0, bytesZeroed: 0 },
  });
  expect(await digest(ends.destination.path)).toBe(await digest(source.path));
  expect(rig.notices.filter((notice) => notice.startsWith('zeros are written'))).toHaveLength(1);
});
