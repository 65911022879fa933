import type { ErrorDescription } from '../../contract/errors.ts';
import type { Outcome } from '../command.ts';
import { formatVolume } from '../../contract/volume.ts';
import { EXIT } from '../exit-codes.ts';
import { errorDocument } from '../failure.ts';
import { renderBytes } from '../render/quantities.ts';
import type { Copied } from './copy.ts';
import type { Killable, Storage } from './options.ts';

/** What `dray demo --json` prints. */
export type DemoResult = {
  status: 'completed' | 'failed' | 'cancelled' | 'terminated' | 'waitsForDecision';
  workflowId: string;
  bytes: number;
  /** Of the copying itself, from the start of its first attempt. */
  seconds: number;
  mibPerSecond: number;
  /** Whether SHA-256 of both raw files is the same. */
  identical: boolean;
  leftovers: string[];
  attempts: number;
  bytesCopiedAgain: number;
  storage: Storage;
  killed: Killable | null;
  error?: ReturnType<typeof errorDocument>;
};

/** A demo of which nothing is known yet. */
export const failedResult = (storage: Storage, workflowId: string): DemoResult => ({
  status: 'failed',
  workflowId,
  bytes: 0,
  seconds: 0,
  mibPerSecond: 0,
  identical: false,
  leftovers: [],
  attempts: 0,
  bytesCopiedAgain: 0,
  storage,
  killed: null,
});

export const withError = (result: DemoResult, error: ErrorDescription): DemoResult => ({
  ...result,
  status: result.status === 'completed' ? 'failed' : result.status,
  error: errorDocument(error),
});

/** `before` with how the copy ended. */
export function withCopy(before: DemoResult, { described, end }: Copied): DemoResult {
  const { workflowId, state, needsDecision } = described;
  const ended = state === 'done' ? 'completed' : state === 'running' ? 'failed' : state;
  const { report, failure, held = [] } = end ?? {};
  const { bytes = 0, seconds = 0, mbPerSecond = 0 } = report?.copied ?? {};
  const { attempts = 0, bytesCopiedAgain = 0 } = report?.copied ?? {};
  const result: DemoResult = {
    ...before,
    ...{ workflowId, bytes, seconds, mibPerSecond: mbPerSecond, attempts, bytesCopiedAgain },
    status: needsDecision ? 'waitsForDecision' : ended,
    leftovers: held.map(({ what, volume }) => `held: ${what} of ${formatVolume(volume)}`),
  };
  return failure === undefined ? result : withError(result, failure);
}

/** Everything that the demo promises. */
export const isGood = ({ status, identical, leftovers, error }: DemoResult): boolean =>
  status === 'completed' && identical && leftovers.length === 0 && error === undefined;

export function outcomeOf(result: DemoResult): Outcome {
  const { status, bytes, seconds, mibPerSecond, attempts, bytesCopiedAgain, killed } = result;
  const again = bytesCopiedAgain === 0 ? '' : `, ${renderBytes(bytesCopiedAgain)} of it twice`;
  const facts =
    `${renderBytes(bytes)} in ${seconds.toFixed(1)} s (${mibPerSecond.toFixed(1)} MiB/s), ` +
    `attempts: ${attempts}${again}${killed === null ? '' : `, killed: ${killed}`}`;
  const good = isGood(result);
  const verdict = good
    ? `completed, identical, nothing left: ${facts}`
    : `NOT as promised: status ${status}, identical: ${result.identical}, ` +
      `leftovers: ${result.leftovers.length}`;
  return { json: result, text: verdict, exitCode: good ? EXIT.done : EXIT.failed };
}
