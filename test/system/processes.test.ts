import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  endProcess,
  findProcesses,
  flockHolders,
  identifyProcess,
  isAlive,
} from '../../system/processes.ts';

let directory: string;
let child: ChildProcess | undefined;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'dray-processes-'));
});
afterEach(async () => {
  child?.kill('SIGKILL');
  child = undefined;
  await rm(directory, { recursive: true });
});

function start(command: string, ...args: string[]): number {
  child = spawn(command, args, { stdio: 'ignore' });
  return child.pid!;
}

describe('processes', () => {
  it('knows one from a later one with the same pid, and from a zombie', async () => {
    const id = identifyProcess(start('sleep', '60'))!;
    expect(isAlive(id)).toBe(true);
    expect(isAlive({ ...id, startTicks: id.startTicks + 1 })).toBe(false);
    expect(await endProcess(id, 'SIGKILL', 5)).toBe(true);
    expect(isAlive(id)).toBe(false);
    expect(await endProcess(id, 'SIGKILL', 1)).toBe(true);
  });

  it('does not touch a process that only has the same pid', async () => {
    const id = identifyProcess(start('sleep', '60'))!;
    expect(await endProcess({ ...id, startTicks: 1 }, 'SIGKILL', 1)).toBe(true);
    expect(isAlive(id)).toBe(true);
  });

  it('says that one that ignores the signal has not ended', async () => {
    const pid = start('sh', '-c', "trap '' TERM; while :; do sleep 0.1; done");
    await sleep(200);
    expect(await endProcess(identifyProcess(pid)!, 'SIGTERM', 0.3)).toBe(false);
  });

  it('finds who holds a lock through a chain of programs that replace each other', async () => {
    const lock = join(directory, 'lock');
    await writeFile(lock, '');
    expect(await flockHolders(lock)).toEqual([]);
    expect(await flockHolders(join(directory, 'none'))).toEqual([]);
    const pid = start(
      'setpriv',
      '--pdeathsig',
      'KILL',
      '--',
      'flock',
      '-n',
      '-F',
      lock,
      'sleep',
      '60',
    );
    while ((await flockHolders(lock)).length === 0) await sleep(20);
    expect((await flockHolders(lock)).map((holder) => holder.pid)).toEqual([pid]);
  });

  it('does not take the holder of a lock with the same inode on another file system', async () => {
    const other = join(directory, 'other');
    await mkdir(other);
    execFileSync('mount', ['-t', 'tmpfs', 'dray-test', other]);
    try {
      // Inode numbers of a new tmpfs are small and given out in order: find a pair that collides.
      const lock = join(other, 'lock');
      await writeFile(lock, '');
      const third = await mkdtemp(join(tmpdir(), 'dray-processes-'));
      execFileSync('mount', ['-t', 'tmpfs', 'dray-test', third]);
      try {
        await writeFile(join(third, 'lock'), '');
        expect((await stat(join(third, 'lock'))).ino).toBe((await stat(lock)).ino);
        start('flock', '-n', '-F', lock, 'sleep', '60');
        while ((await flockHolders(lock)).length === 0) await sleep(20);
        expect(await flockHolders(join(third, 'lock'))).toEqual([]);
      } finally {
        execFileSync('umount', [third]);
        await rm(third, { recursive: true });
      }
    } finally {
      child?.kill('SIGKILL');
      execFileSync('umount', ['-l', other]);
    }
  });

  it('finds processes by words of their command line', async () => {
    const word = join(directory, 'needle');
    const pid = start('sh', '-c', 'while :; do sleep 0.1; done', word);
    while ((await findProcesses('sh', word)).length === 0) await sleep(20);
    expect((await findProcesses('sh', word)).map((found) => found.pid)).toEqual([pid]);
    expect(await findProcesses('sh', word, 'another word')).toEqual([]);
    expect(await findProcesses('dd', word)).toEqual([]);
  });
});
