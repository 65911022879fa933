import { readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { sumBytes } from '../../copy/ranges.ts';
import type { ByteRange } from '../../contract/copy.ts';
import type { Stage } from '../stage.ts';
import { areEqual, fillSource, makeNew } from './contents.ts';
import { bareEngine, bareState } from './ours.ts';
import { type Pair, withPair } from './storages.ts';

/** A copy whose worker was killed in the middle and that another one took to its end. */
export type Killed = {
  sizeBytes: number;
  /** Of all writes to the destination that either copier began. */
  bytesWritten: number;
  /** Seconds from the first copier's end to the second one's first write; never below 0. */
  secondsBetween: number;
  isEqual: boolean;
};

type Trace = { writes: ByteRange[]; firstWriteAt: number; endedAt: number };

const WRITE = /^\d+ +(\d+\.\d+) pwrite64\(\d+<(.*)>, .*, (\d+), (\d+)/;
const POLL_MILLISECONDS = 5;

/** What strace(1) wrote down; a write counts when it begins, since a killed one may be done yet. */
async function readTrace(file: string, destination: string): Promise<Trace> {
  const lines = (await readFile(file, 'utf8')).trimEnd().split('\n');
  const calls = lines.flatMap((line) => {
    const [, at, path, length, offset] = WRITE.exec(line) ?? [];
    return path === destination
      ? [{ at: Number(at), offset: Number(offset), length: Number(length) }]
      : [];
  });
  return {
    writes: calls.map(({ offset, length }) => ({ offset, length })),
    firstWriteAt: calls[0]?.at ?? NaN,
    endedAt: Number(/^\d+ +(\d+\.\d+) /.exec(lines.at(-1) ?? '')?.[1]),
  };
}

function traced(trace: string, argv: readonly string[]) {
  const options = ['-f', '-y', '-ttt', '-s', '0', '--seccomp-bpf', '-e', 'trace=pwrite64'];
  return execa('strace', [...options, '-o', trace, ...argv], { stdin: 'ignore', reject: false });
}

async function childOf(pid: number): Promise<number> {
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8');
  return Number(children.trim().split(' ')[0]);
}

/** Kills the process that has the worker's part once half of a new file is allocated. */
async function runAndKill(trace: string, argv: readonly string[], pair: Pair): Promise<void> {
  const running = traced(trace, argv);
  while ((await stat(pair.files.destination)).blocks * 512 < pair.sizeBytes / 2) {
    if (running.exitCode !== null) throw new Error('the copy ended before half of it');
    await sleep(POLL_MILLISECONDS);
  }
  process.kill(await childOf(running.pid!), 'SIGKILL');
  await running;
}

/** The bare engine direct on a new file, every byte written, killed at half and started again. */
export async function measureKill(stage: Stage, sizeBytes: number): Promise<Killed> {
  const wish = { storage: 'file', content: 'dense', sizeBytes } as const;
  return withPair(stage, wish, async (pair) => {
    const { files, destination } = pair;
    await fillSource(files.source, 'dense', sizeBytes, sizeBytes);
    await makeNew(files.destination, sizeBytes);
    await rm(bareState(stage), { recursive: true, force: true });
    const argv = bareEngine(stage, pair, { options: { engine: 'direct' } });
    const traces = ['first', 'second'].map((name) => join(stage.directory, `${name}.trace`));
    const [before, after] = traces as [string, string];
    await runAndKill(before, argv, pair);
    await traced(after, argv);
    const [first, second] = [
      await readTrace(before, destination),
      await readTrace(after, destination),
    ];
    return {
      sizeBytes,
      bytesWritten: sumBytes([...first.writes, ...second.writes]),
      secondsBetween: second.firstWriteAt - first.endedAt,
      isEqual: await areEqual(files.source, files.destination),
    };
  });
}
