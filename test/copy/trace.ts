import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import type { CopyEnds } from '../../contract/copy.ts';
import type { OpenEnds } from '../../copy/ends.ts';
import type { StartCopier } from '../../copy/start-copier.ts';

/** One call on an end, as strace(1) saw it. */
export type Call = {
  thread: string;
  does: 'read' | 'write' | 'zero' | 'flush';
  end: 'source' | 'destination';
  offset: number;
  length: number;
};

const CALLS = 'read,pread64,write,pwrite64,lseek,fsync,fdatasync,fallocate';

/** Starts a copier under strace, which writes what it does into the file. */
export function tracedStarter(open: OpenEnds, file: string): StartCopier {
  return (program, channel) =>
    spawn(
      'strace',
      ['-f', '-y', '-qq', '-s', '0', '-e', `trace=${CALLS}`, '-o', file, ...program],
      {
        stdio: [
          ...(['ignore', 'pipe', 'pipe', open.source.fd, open.destination.fd] as const),
          ...(channel === undefined ? [] : [channel]),
        ],
        env: { ...process.env, LC_ALL: 'C' },
      },
    );
}

const LINE = /^(\d+) +(\w+)\((\d+)<([^>]*)>(?:, (.*))?\) += (\d+)$/;
const UNFINISHED = /^(\d+) +(.*) <unfinished \.\.\.>$/;
const RESUMED = /^(\d+) +<\.\.\. \w+ resumed>(.*)$/;

/** Calls that other threads cut in two, as one line where they ended. */
function whole(text: string): string[] {
  const begun = new Map<string, string>();
  return text.split('\n').flatMap((line) => {
    const [, thread = '', call] = UNFINISHED.exec(line) ?? [];
    if (call !== undefined) {
      begun.set(thread, `${thread} ${call}`);
      return [];
    }
    const [, of = '', rest] = RESUMED.exec(line) ?? [];
    return rest === undefined ? [line] : [`${begun.get(of)}${rest}`];
  });
}

/** What was done to both ends, in the order in which it ended; nothing else that the program did. */
export async function readTrace(file: string, ends: CopyEnds): Promise<Call[]> {
  const position = new Map<string, number>();
  const calls: Call[] = [];
  for (const line of whole(await readFile(file, 'utf8'))) {
    const [, thread = '', name = '', fd = '', path, more = '', result = ''] = LINE.exec(line) ?? [];
    const end = path === ends.source.path ? 'source' : 'destination';
    if (path === undefined || (end === 'destination' && path !== ends.destination.path)) continue;
    const at = position.get(fd) ?? 0;
    const length = Number(result);
    if (name === 'lseek') {
      position.set(fd, length);
    } else if (name.endsWith('sync')) {
      calls.push({ thread, does: 'flush', end, offset: 0, length: 0 });
    } else if (name === 'fallocate') {
      const [zeroedAt = '', zeroed = ''] = more.split(', ').slice(1);
      calls.push({ thread, does: 'zero', end, offset: Number(zeroedAt), length: Number(zeroed) });
    } else {
      const isPositioned = name.startsWith('p');
      const offset = isPositioned ? Number(more.split(', ').at(-1)) : at;
      if (!isPositioned) position.set(fd, at + length);
      const does = name.includes('read') ? 'read' : 'write';
      if (length > 0) calls.push({ thread, does, end, offset, length });
    }
  }
  return calls;
}
