import { randomBytes } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { open, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MIB } from '../copy/rig.ts';
import { flip } from '../rig/flip.ts';
import { CliStage } from '../rig/cli-stage.ts';
import { until } from '../rig/poll.ts';

let stage: CliStage;
let directory: string;
const names = (...path: string[]): Promise<string[]> => readdir(join(directory, ...path));

/** What a comparison writes down or makes. */
async function leftovers(): Promise<string[]> {
  const [claims, copiers, reservations] = await Promise.all([
    names('state', 'claims'),
    names('state', 'copiers'),
    names('disks', 'reservations'),
  ]);
  return [...claims, ...copiers, ...reservations];
}

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- what a test looks into
async function verify(...args: string[]): Promise<{ status: number | undefined; json: any }> {
  const { status, stdout } = await stage.dray('verify', ...args, '--json');
  return { status, json: JSON.parse(stdout) as unknown };
}

beforeAll(async () => {
  stage = await CliStage.start();
  directory = stage.directory;
  for (const [id, size] of [
    ['a', '8MiB'],
    ['b', '12MiB'],
    ['c', '10MiB'],
    ['large1', '4GiB'],
    ['large2', '4GiB'],
  ]) {
    await stage.dray('volume', 'create', `disks:${id}`, size ?? '');
  }
  const [a, b] = [await open(stage.volumeFile('a'), 'r+'), await open(stage.volumeFile('b'), 'r+')];
  const data = randomBytes(8 * MIB);
  for (const file of [a, b]) {
    await file.write(data, 0, data.length, 0);
    await file.close();
  }
}, 120_000);

afterAll(() => stage.end());

describe('dray verify', () => {
  it('ends with 0 for equal volumes, with 7 and the places for others', async () => {
    const equal = await verify('disks:a', 'disks:b');
    expect(equal.status).toBe(0);
    expect(equal.json).toMatchObject({ workflowId: 'verify/disks:b', status: 'done', equal: true });
    expect(equal.json.bytesCompared).toBe(8 * MIB);

    await flip(stage.volumeFile('b'), 3 * MIB + 5);
    const different = await verify('disks:a', 'disks:b');
    expect(different.status).toBe(7);
    const [range] = different.json.differing as { offset: number; length: number }[];
    expect(range?.offset).toBeLessThanOrEqual(3 * MIB + 5);
    expect((range?.offset ?? 0) + (range?.length ?? 0)).toBeGreaterThan(3 * MIB + 5);

    const watched = await stage.dray('watch', 'verify/disks:b');
    expect(watched.status).toBe(7);
    expect(watched.stdout).toContain('DIFFERENT');
    const listed = await stage.dray('list', '--json');
    expect(listed.stdout).toContain('verify/disks:b');
    expect((await stage.dray('show', 'verify/disks:b')).stdout).toContain('DIFFERENT');
    expect(await leftovers()).toEqual([]);
  });

  it('compares a volume with the certificate of its copy', async () => {
    await stage.dray('copy', 'disks:a', 'disks:c', '--verify', 'off');
    const { stdout } = await stage.dray('report', 'disks:a', '--json');
    const file = join(directory, 'certificate.json');
    await writeFile(file, stdout);
    const equal = await verify(file, 'disks:c');
    expect(equal.status).toBe(0);
    expect(equal.json).toMatchObject({ equal: true, certificate: { signer: { isOwn: true } } });

    await writeFile(file, stdout.replace('"total": ', '"total": 1'));
    const changed = await verify(file, 'disks:c');
    expect([changed.status, changed.json.error.code]).toEqual([1, 'CertificateInvalid']);
    const missing = await verify(join(directory, 'nothing.json'), 'disks:c');
    expect([missing.status, missing.json.error.code]).toEqual([2, 'CertificateUnusable']);

    await writeFile(file, stdout);
    await flip(stage.volumeFile('c'), 5);
    const different = await stage.dray('verify', file, 'disks:c');
    expect(different.status).toBe(7);
    expect(different.stdout).toContain('DIFFERENT; a certificate does not tell where');
    expect(await leftovers()).toEqual([]);
  });

  it('refuses a smaller destination', async () => {
    const { status, json } = await verify('disks:b', 'disks:a');
    expect([status, json.error.code]).toEqual([2, 'DestinationTooSmall']);
  });

  it('goes on after its worker was killed while it read, and nothing is left', async () => {
    const run = verify('disks:large1', 'disks:large2');
    const lock = join(directory, 'state', 'copiers', 'disks.large2', 'lock');
    const reader = await until('readers at work', () => readerOf(lock), { everyMs: 2 });
    await stage.endWorker('SIGKILL');
    await until('the reader has ended', () => !isAlive(reader), { seconds: 5 });
    await stage.startWorker();
    expect(await run).toMatchObject({ status: 0, json: { equal: true } });
    // Nothing was ever writable.
    const shown = await stage.dray('volume', 'show', 'disks:large2', '--json');
    expect(shown.stdout).toContain('"neverWritten": true');
    expect(await leftovers()).toEqual([]);
  });
});

/** Pid of the lanes' program that holds the lock. */
function readerOf(lock: string): number | undefined {
  try {
    const { ino } = statSync(lock);
    const line = readFileSync('/proc/locks', 'utf8')
      .split('\n')
      .map((text) => text.trim().split(/\s+/))
      .find((words) => words[1] === 'FLOCK' && words[5]?.endsWith(`:${ino}`));
    const pid = Number(line?.[4]);
    if (!(pid > 0)) return undefined;
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('lanes/main') ? pid : undefined;
  } catch {
    return undefined;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
