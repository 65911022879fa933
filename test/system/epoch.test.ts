import { execa } from 'execa';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  assertCurrent,
  epochLine,
  FENCED_STATUS,
  guarded,
  raiseEpoch,
  readEpoch,
} from '../../system/epoch.ts';

let directory: string;
let file: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'dray-epoch-'));
  file = join(directory, 'epoch');
});
afterEach(() => rm(directory, { recursive: true }));

describe('epoch', () => {
  it('gives every one of many workers that start at once a number of its own', async () => {
    const epochs = await Promise.all(Array.from({ length: 20 }, () => raiseEpoch(file, 'h')));
    const numbers = epochs.map(({ number }) => number).sort((a, b) => a - b);
    expect(numbers).toEqual(Array.from({ length: 20 }, (_, i) => i + 1));
    expect(readEpoch(file)).toBe(20);
  });

  it('refuses everything of a superseded worker', async () => {
    const old = await raiseEpoch(file, 'h');
    assertCurrent(old);
    await raiseEpoch(file, 'h');
    expect(() => assertCurrent(old)).toThrow(/taken over host h with epoch 2/);
  });

  it('refuses a state directory that cannot be written', async () => {
    await expect(raiseEpoch('/proc/nowhere/epoch', 'h')).rejects.toMatchObject({
      code: 'StateUnwritable',
    });
  });

  it('starts a guarded program only while every line still agrees', async () => {
    const epoch = await raiseEpoch(file, 'h');
    const lease = join(directory, 'lease with spaces');
    await writeFile(lease, 'token "1" $x\n');
    const made = join(directory, 'made');
    const argv = guarded(
      [epochLine(epoch), { file: lease, line: 'token "1" $x' }],
      ['sh', '-c', 'echo "$1" >"$0"', made, "it's"],
    );
    const run = (): Promise<number | undefined> =>
      execa(argv[0]!, argv.slice(1), { reject: false }).then((result) => result.exitCode);
    expect(await run()).toBe(0);
    expect(await readFile(made, 'utf8')).toBe("it's\n");
    await rm(made);
    await writeFile(lease, 'another\n');
    expect(await run()).toBe(FENCED_STATUS);
    await rm(lease);
    expect(await run()).toBe(FENCED_STATUS);
    await writeFile(lease, 'token "1" $x\n');
    await raiseEpoch(file, 'h');
    expect(await run()).toBe(FENCED_STATUS);
    await expect(readFile(made)).rejects.toThrow('ENOENT');
  });
});
