import { StringDecoder } from 'node:string_decoder';
import type { ByteRange, CopyPlan } from '../../contract/copy.ts';
import type { Engine, RangeOutcome } from '../engine.ts';
import { allWritten } from '../../contract/byte-counts.ts';
import { failedEnd } from '../failed-end.ts';
import { nodeProgram } from '../node-program.ts';
import { supervise } from '../supervise.ts';
import { ioniceArguments } from './ionice.ts';

const KEPT_CHARACTERS = 2000;

/** The copier's command line: offset and length of the range, both in bytes. */
export function fileCopierArguments(range: ByteRange, plan: CopyPlan): string[] {
  const numbers = [String(range.offset), String(range.length)];
  return [...ioniceArguments(plan.ionice), ...nodeProgram('engines/file-copier'), ...numbers];
}

/** A line of the copier: `submitted 4194304` or `flushed 4194304`; undefined for any other. */
export function readCopierLine(
  line: string,
): { kind: 'submitted' | 'flushed'; bytes: number } | undefined {
  const match = /^(submitted|flushed) (\d{1,15})$/.exec(line);
  if (match === null) return undefined;
  return { kind: match[1] === 'flushed' ? 'flushed' : 'submitted', bytes: Number(match[2]) };
}

/**
 * Plain reads and writes of 4 MiB instead of dd, after Cinder's `_copy_volume_with_file`; unlike
 * that one it stays within the range, flushes with fdatasync and ends on a source too short.
 */
export const fileEngine: Engine = {
  name: 'file',
  streams: false,
  async copyRange(range, { plan, start, signal, report }): Promise<RangeOutcome> {
    const child = start(fileCopierArguments(range, plan));
    if (child.pid !== undefined) report.submitted(0, child.pid);
    const decoder = new StringDecoder('latin1');
    let [rest, words] = ['', ''];
    const told: Partial<Record<'submitted' | 'flushed', number>> = {};
    child.stdout?.on('data', (chunk: Buffer) => {
      const lines = (rest + decoder.write(chunk)).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        const read = readCopierLine(line);
        if (read === undefined) continue;
        told[read.kind] = read.bytes;
        if (read.kind === 'submitted') report.submitted(read.bytes, child.pid ?? 0);
      }
    });
    child.stderr?.on('data', (chunk: Buffer) => {
      words = (words + chunk.toString('latin1')).slice(0, KEPT_CHARACTERS);
    });
    const exit = await supervise(child, signal);
    const failed = failedEnd(words.trim());
    const flushed = exit.status === 0 && told.flushed === range.length;
    if (flushed) await report.flushed([{ ...range, counts: allWritten(range.length) }]);
    return {
      flushed,
      exit,
      words: words.trim(),
      // A copier that was killed may have moved more than it has said.
      ...(told.submitted === undefined || exit.signal !== null ? {} : { moved: told.submitted }),
      ...(failed === undefined ? {} : { failed }),
    };
  },
};
