import { execa } from 'execa';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { createExclusive, readJson, removeDurably, writeAtomic } from '../../system/atomic-file.ts';

let directory: string;
let path: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'dray-atomic-'));
  path = join(directory, 'file');
});
afterEach(() => rm(directory, { recursive: true }));

describe('atomic files', () => {
  it('replaces the whole text, for the owner alone, and leaves nothing beside it', async () => {
    await writeAtomic(path, 'one');
    await writeAtomic(path, 'two');
    expect(await readFile(path, 'utf8')).toBe('two');
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(await readdir(directory)).toEqual(['file']);
  });

  it('lets exactly one of many writers create a file, and it is never seen half', async () => {
    const texts = Array.from({ length: 20 }, (_, i) => String(i).repeat(5000));
    const won = await Promise.all(texts.map((text) => createExclusive(path, text)));
    expect(won.filter(Boolean)).toHaveLength(1);
    expect(await readFile(path, 'utf8')).toBe(texts[won.indexOf(true)]);
    expect(await readdir(directory)).toEqual(['file']);
  });

  it('says which directory cannot be written', async () => {
    const failed = writeAtomic('/proc/nowhere/file', 'x');
    await expect(failed).rejects.toMatchObject({ code: 'StateUnwritable' });
    await expect(failed).rejects.toThrow('/proc/nowhere');
  });

  it('says that a file system is full, and keeps the old text', async () => {
    await execa('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'dray-test', directory]);
    try {
      await writeAtomic(path, 'old');
      const failed = writeAtomic(path, 'x'.repeat(1_000_000));
      await expect(failed).rejects.toMatchObject({ code: 'StorageFull' });
      expect(await readFile(path, 'utf8')).toBe('old');
      expect(await readdir(directory)).toEqual(['file']);
    } finally {
      await execa('umount', [directory]);
    }
  });

  it('tells a missing file from a damaged one', async () => {
    const schema = z.object({ a: z.number() });
    expect(await readJson(path, schema)).toBeUndefined();
    for (const text of ['', '{"a": 1', '{"a": "x"}', 'null']) {
      await writeFile(path, text);
      await expect(readJson(path, schema), text).rejects.toMatchObject({ code: 'StateDamaged' });
    }
    await writeFile(path, '{"a": 1}');
    expect(await readJson(path, schema)).toEqual({ a: 1 });
  });

  it('removes what is there and accepts what is not', async () => {
    await writeAtomic(path, 'x');
    expect(await removeDurably(path)).toBe(true);
    expect(await removeDurably(path)).toBe(false);
  });
});
