import {
  allHandlersFinished,
  CancellationScope,
  CancelledFailure,
  condition,
} from '@temporalio/workflow';
import { describeError } from '../contract/errors.ts';
import type { RunOutcome } from '../contract/hooks.ts';
import { type Fault, failureOf, faultOf } from './faults.ts';
import type { Run } from './run.ts';
import { HostLost, MoveRequested } from './steps.ts';

/** What is done on one host; `move` counts the hosts before. */
type OnHost<T> = (move: number) => Promise<T>;

/** Leaves a host for what was thrown, and answers where to go on; undefined for a failure. */
type Leave = (error: unknown) => Promise<string | undefined>;

/** A person decided `move`: between two hosts the volumes are free. @throws MoveImpossible */
export async function leaveToMove(run: Run, error: unknown): Promise<string | undefined> {
  if (!(error instanceof MoveRequested)) return undefined;
  if (error instanceof HostLost) run.lose(error.fault.message, error.host);
  run.enter('detaching');
  const complete = await run.undo.unwind();
  if (!complete) throw failureOf(describeError('MoveImpossible', { host: error.host }));
  return error.host;
}

/** Takes back what the host holds and keeps the volumes reserved. @throws MoveImpossible */
export async function suspendOnHost(run: Run): Promise<void> {
  run.enter('detaching');
  const complete = await run.undo.suspend();
  if (!complete) throw failureOf(describeError('MoveImpossible', { host: run.host }));
}

/** From host to host, for as long as people want. */
async function onAnyHost<T>(run: Run, act: OnHost<T>, leave: Leave): Promise<T> {
  for (let move = 0; ; move += 1) {
    try {
      const result = await act(move);
      // A cancel that the last step heard of too late: whoever asked for one is told that it was done.
      if (CancellationScope.current().consideredCancelled) throw new CancelledFailure('cancelled');
      return result;
    } catch (error) {
      const host = await leave(error);
      if (host === undefined) throw error;
      run.host = host;
      run.attachments = [];
      // Whoever sends the work there says that the host is on.
      run.hostsOff.delete(host);
      run.enter('preparing');
    }
  }
}

function outcomeOf(fault: Fault | undefined): RunOutcome {
  if (fault === undefined) return 'done';
  return fault.code === 'Cancelled' ? 'cancelled' : 'failed';
}

/** Ends the workflow as what failed says. */
function endAs(run: Run, fault: Fault): never {
  if (fault.code === 'Cancelled') {
    run.enter('cancelled');
    throw new CancelledFailure(fault.message);
  }
  run.enter('failed');
  throw failureOf(fault, fault.message, run.held);
}

/**
 * The one way out: success, failure and cancel leave by the same undo stack. `conclude` adds to the
 * result once all was taken back.
 */
export async function takingBack<T>(
  run: Run,
  workflow: string,
  act: OnHost<T>,
  how: { leave?: Leave; conclude?: (result: T) => Promise<T> } = {},
): Promise<T> {
  const leave = how.leave ?? ((error: unknown) => leaveToMove(run, error));
  run.enter('preparing');
  let ended: { result: T } | { fault: Fault };
  try {
    ended = { result: await onAnyHost(run, act, leave) };
  } catch (error) {
    ended = { fault: faultOf(error, workflow, '') };
  }
  run.enter('detaching', 'fault' in ended ? ended.fault : undefined);
  await run.undo.unwind();
  if ('result' in ended && how.conclude !== undefined) {
    ended = { result: await how.conclude(ended.result) };
  }
  const fault = 'fault' in ended ? ended.fault : undefined;
  await run.announcer.ended(outcomeOf(fault), fault);
  await CancellationScope.nonCancellable(() => condition(allHandlersFinished));
  if ('fault' in ended) return endAs(run, ended.fault);
  run.enter('done');
  return ended.result;
}
