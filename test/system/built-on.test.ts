import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { surveyKernelSessions } from '../../connectors/iscsi/survey.ts';
import { findBuiltOn } from '../../system/built-on.ts';
import { runToolOrThrow } from '../../system/run.ts';

async function ownDirectory(): Promise<string> {
  const directory = await realpath(await mkdtemp(join(tmpdir(), 'dray-built-')));
  onTestFinished(() => rm(directory, { recursive: true }));
  return directory;
}

it('a loop device that somebody put over a volume is found, and is foreign', async () => {
  const directory = await ownDirectory();
  const file = join(directory, 'disk1.raw');
  await writeFile(file, Buffer.alloc(4096));
  const { stdout } = await runToolOrThrow('losetup', ['--find', '--show', file]);
  const identity = stdout.trim();
  onTestFinished(async () => {
    await runToolOrThrow('losetup', ['--detach', identity]);
  });
  const [found, ...others] = await findBuiltOn(directory);
  expect(found).toMatchObject({ kind: 'loop', identity, verdict: { state: 'foreign' } });
  expect(found?.verdict?.because).toContain(file);
  expect(others).toEqual([]);
  expect(await findBuiltOn(join(directory, 'other'))).toEqual([]);
});

it("sessions of the kernel's initiator with targets of Drayage are foreign", async () => {
  const sysfs = await ownDirectory();
  for (const [name, target] of [
    ['session1', 'iqn.2026-11.io.drayage:copy.x'],
    ['session2', 'iqn.2001-04.com.example:theirs'],
  ] as const) {
    const directory = join(sysfs, 'class/iscsi_session', name);
    await mkdir(directory, { recursive: true });
    await writeFile(join(directory, 'targetname'), `${target}\n`);
  }
  expect(await surveyKernelSessions(sysfs)).toMatchObject([
    { identity: 'session1 at iqn.2026-11.io.drayage:copy.x', verdict: { state: 'foreign' } },
  ]);
});
