import type { ByteRange, CopyPlan } from '../../contract/copy.ts';
import { DdStatus, type DdLine } from '../dd-status.ts';
import type { Engine, RangeOutcome } from '../engine.ts';
import { allWritten } from '../../contract/byte-counts.ts';
import { failedEnd } from '../failed-end.ts';
import { missingBytes } from '../ranges.ts';
import { supervise } from '../supervise.ts';
import { ioniceArguments } from './ionice.ts';

const KEPT_WORDS = 8;

/**
 * Cinder's list (volume_utils._copy_volume_with_path: `count`, `bs`, `iflag=count_bytes[,direct]`,
 * `oflag=direct`, `conv=`, ionice before it) for one range of the volume, with what a range and a
 * safe end need: skip_bytes, skip=, seek_bytes, seek=, notrunc, fdatasync always, and progress.
 * `sparse` only where that is safe.
 */
export function ddArguments(range: ByteRange, plan: CopyPlan, isSparse: boolean): string[] {
  const iflag = ['count_bytes', 'skip_bytes', ...(plan.sourceDirect.value ? ['direct'] : [])];
  const oflag = ['seek_bytes', ...(plan.destinationDirect.value ? ['direct'] : [])];
  const conv = ['notrunc', 'fdatasync', ...(isSparse ? ['sparse'] : [])];
  return [
    ...ioniceArguments(plan.ionice),
    'dd',
    'if=/dev/fd/3',
    'of=/dev/fd/4',
    `count=${range.length}`,
    `bs=${plan.blockBytes}`,
    `skip=${range.offset}`,
    `seek=${range.offset}`,
    `iflag=${iflag.join(',')}`,
    `oflag=${oflag.join(',')}`,
    `conv=${conv.join(',')}`,
    'status=progress',
  ];
}

export const ddEngine: Engine = {
  name: 'dd',
  streams: false,
  async copyRange(range, { plan, touched, start, signal, report }): Promise<RangeOutcome> {
    const isTouched = missingBytes(touched, range) < range.length;
    const isSparse = plan.zeros.value === 'skip' && !isTouched;
    const child = start(ddArguments(range, plan, isSparse));
    if (child.pid !== undefined) report.submitted(0, child.pid);
    const status = new DdStatus();
    const words: string[] = [];
    let failed: RangeOutcome['failed'];
    let moved: number | undefined;
    const read = (lines: DdLine[]): void => {
      for (const line of lines) {
        if (line.kind === 'progress') report.submitted(line.bytes, child.pid ?? 0);
        if (line.kind === 'closing') moved = line.bytes;
        if (line.kind !== 'message' && line.kind !== 'unreadable') continue;
        if (words.length < KEPT_WORDS) words.push(line.text);
        if (line.kind === 'message') failed ??= failedEnd(line.text);
      }
    };
    child.stdout?.resume();
    child.stderr?.on('data', (chunk: Buffer) => read(status.push(chunk)));
    const exit = await supervise(child, signal);
    read(status.end());
    // dd ends with 0 on a source that is too short: only its own count proves the range.
    const flushed = exit.status === 0 && moved === range.length;
    // dd does not say how much it left out.
    const counts = isSparse
      ? { bytesRead: range.length, bytesZeroed: 0 }
      : allWritten(range.length);
    if (flushed) await report.flushed([{ ...range, counts }]);
    return {
      flushed,
      exit,
      words: words.join('; '),
      ...(moved === undefined ? {} : { moved }),
      ...(failed === undefined ? {} : { failed }),
    };
  },
};
