import { createRequire } from 'node:module';
import { extname } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { StringDecoder } from 'node:string_decoder';
import type { ByteRange, CopyPlan } from '../../contract/copy.ts';
import type { Engine, RangeOutcome } from '../engine.ts';
import { failedEnd } from '../failed-end.ts';
import { supervise } from '../supervise.ts';
import { ioniceArguments } from './ionice.ts';

const KEPT_CHARACTERS = 2000;

/** From a checkout the copier is TypeScript and needs a loader; installed it is JavaScript. */
function copierProgram(): string[] {
  const extension = extname(fileURLToPath(import.meta.url));
  const loader =
    extension === '.ts'
      ? ['--import', pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href]
      : [];
  const entry = fileURLToPath(new URL(`./file-copier${extension}`, import.meta.url));
  return [process.execPath, ...loader, entry];
}

/** The copier's command line: offset and length of the range, both in bytes. */
export function fileCopierArguments(range: ByteRange, plan: CopyPlan): string[] {
  const numbers = [String(range.offset), String(range.length)];
  return [...ioniceArguments(plan.ionice), ...copierProgram(), ...numbers];
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
  async copyRange(range, plan, start, signal, onSubmitted): Promise<RangeOutcome> {
    const child = start(fileCopierArguments(range, plan));
    if (child.pid !== undefined) onSubmitted(0, child.pid);
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
        if (read.kind === 'submitted') onSubmitted(read.bytes, child.pid ?? 0);
      }
    });
    child.stderr?.on('data', (chunk: Buffer) => {
      words = (words + chunk.toString('latin1')).slice(0, KEPT_CHARACTERS);
    });
    const exit = await supervise(child, signal);
    const failed = failedEnd(words.trim());
    return {
      flushed: exit.status === 0 && told.flushed === range.length,
      exit,
      words: words.trim(),
      // A copier that was killed may have moved more than it has said.
      ...(told.submitted === undefined || exit.signal !== null ? {} : { moved: told.submitted }),
      ...(failed === undefined ? {} : { failed }),
    };
  },
};
