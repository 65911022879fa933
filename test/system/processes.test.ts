import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
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

  it('finds processes by words of their command line', async () => {
    const word = join(directory, 'needle');
    const pid = start('sh', '-c', 'sleep 60; true', word);
    while ((await findProcesses(word)).length === 0) await sleep(20);
    expect((await findProcesses('sh', word)).map((found) => found.pid)).toEqual([pid]);
    expect(await findProcesses(word, 'another word')).toEqual([]);
  });
});
