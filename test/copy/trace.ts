import { spawn } from 'node:child_process';
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { CopyEnds } from '../../contract/copy.ts';
import type { OpenEnds } from '../../copy/ends.ts';
import type { StartCopier } from '../../copy/start-copier.ts';
import { exec, type Rig } from './rig.ts';

/** One call on an end, as strace(1) saw it. */
export type Call = {
  thread: string;
  does: 'read' | 'write' | 'zero' | 'flush';
  end: 'source' | 'destination';
  offset: number;
  length: number;
  /** Its place among all that began and ended: what ended before another began is before it. */
  began: number;
  ended: number;
};

/** What every copier is started with in the place of setpriv, which it becomes. */
const SHIM = (setpriv: string, directory: string): string => `#!/bin/sh
# Of a copier alone, which takes a lock; its parent stays its parent.
[ "$4" = flock ] || exec ${setpriv} "$@"
exec strace -D ${OPTIONS.join(' ')} -o ${directory}/$$ ${setpriv} "$@"
`;

const CALLS = 'read,pread64,write,pwrite64,lseek,fsync,fdatasync,fallocate';

const OPTIONS = ['-f', '-y', '-qq', '-s', '0', '-e', `trace=${CALLS}`];

/**
 * From now on every copier is traced, into a file of this directory that is called by its pid. The
 * answer is for PATH.
 */
export async function traceCopiers(rig: Rig, directory: string): Promise<string> {
  const { stdout } = await exec('which', ['setpriv']);
  await mkdir(directory);
  const bin = rig.path('bin');
  await mkdir(bin);
  await writeFile(join(bin, 'setpriv'), SHIM(stdout.trim(), directory), { mode: 0o755 });
  return `${bin}:${process.env['PATH']}`;
}

/** Starts a copier under strace, which writes what it does into the file. */
export function tracedStarter(open: OpenEnds, file: string): StartCopier {
  return (program, channel) =>
    spawn('flock', ['-F', `${file}.lock`, 'strace', ...OPTIONS, '-o', file, ...program], {
      stdio: [
        ...(['ignore', 'pipe', 'pipe', open.source.fd, open.destination.fd] as const),
        ...(channel === undefined ? [] : [channel]),
      ],
      env: { ...process.env, LC_ALL: 'C' },
    });
}

const LINE = /^(\d+) +(\w+)\((\d+)<([^>]*)>(?:, (.*))?\) += (\d+)$/;
const UNFINISHED = /^(\d+) +(.*) <unfinished \.\.\.>$/;
const RESUMED = /^(\d+) +<\.\.\. \w+ resumed>(.*)$/;

type Line = { line: string; began: number; ended: number };

/** Calls that other threads cut in two, as one line where they ended. */
function whole(text: string): Line[] {
  const begun = new Map<string, { call: string; began: number }>();
  return text.split('\n').flatMap((line, ended) => {
    const [, thread = '', call] = UNFINISHED.exec(line) ?? [];
    if (call !== undefined) {
      begun.set(thread, { call: `${thread} ${call}`, began: ended });
      return [];
    }
    const [, of = '', rest] = RESUMED.exec(line) ?? [];
    if (rest === undefined) return [{ line, began: ended, ended }];
    const before = begun.get(of);
    return [{ line: `${before?.call}${rest}`, began: before?.began ?? ended, ended }];
  });
}

/** What was done to both ends, in the order in which it ended; nothing else that the program did. */
export async function readTrace(file: string, ends: CopyEnds): Promise<Call[]> {
  const position = new Map<string, number>();
  const calls: Call[] = [];
  for (const { line, ...order } of whole(await readFile(file, 'utf8'))) {
    const [, thread = '', name = '', fd = '', path, more = '', result = ''] = LINE.exec(line) ?? [];
    const end = path === ends.source.path ? 'source' : 'destination';
    if (path === undefined || (end === 'destination' && path !== ends.destination.path)) continue;
    const at = position.get(fd) ?? 0;
    const length = Number(result);
    if (name === 'lseek') {
      position.set(fd, length);
    } else if (name.endsWith('sync')) {
      calls.push({ thread, does: 'flush', end, offset: 0, length: 0, ...order });
    } else if (name === 'fallocate') {
      const [zeroedAt = '', zeroed = ''] = more.split(', ').slice(1);
      const place = { offset: Number(zeroedAt), length: Number(zeroed) };
      calls.push({ thread, does: 'zero', end, ...place, ...order });
    } else {
      const isPositioned = name.startsWith('p');
      const offset = isPositioned ? Number(more.split(', ').at(-1)) : at;
      if (!isPositioned) position.set(fd, at + length);
      const does = name.includes('read') ? 'read' : 'write';
      if (length > 0) calls.push({ thread, does, end, offset, length, ...order });
    }
  }
  return calls;
}

/** What all copiers did that were traced into the directory, one behind the other. */
export async function tracesIn(directory: string, ends: CopyEnds): Promise<Call[]> {
  const names = await readdir(directory);
  const files = await Promise.all(
    names.map(async (name) => {
      const file = join(directory, name);
      return { file, at: (await stat(file)).mtimeMs };
    }),
  );
  files.sort((one, other) => one.at - other.at);
  const calls: Call[] = [];
  for (const { file } of files) calls.push(...(await readTrace(file, ends)));
  return calls;
}
