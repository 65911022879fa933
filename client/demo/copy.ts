import type { Client } from '@temporalio/client';
import { setTimeout as sleep } from 'node:timers/promises';
import type { CopyOptions } from '../../contract/copy.ts';
import { formatVolume } from '../../contract/volume.ts';
import { describePatiently } from '../follow/follow.ts';
import { snapshotOf } from '../follow/progress.ts';
import { Rate } from '../follow/rate.ts';
import { renderBytes } from '../render/quantities.ts';
import { type End, endOf } from '../temporal/end.ts';
import type { Described } from '../temporal/describe.ts';
import { startCopy } from '../temporal/start-copy.ts';
import type { RunRef } from '../temporal/workflow-view.ts';
import { pacedOptions, strikeInTheMiddle } from './moment.ts';
import type { DemoOptions } from './options.ts';
import type { Stage } from './stage.ts';
import type { Victim } from './victim.ts';
import type { Voice } from './voice.ts';

const POLL_MILLISECONDS = 200;

/** A copy that has ended, or one without an end that waits for a person. */
export type Copied = { described: Described; end?: End };

export async function beginCopy(
  client: Client,
  stage: Stage,
  { sizeBytes, kill }: DemoOptions,
  voice: Voice,
): Promise<RunRef> {
  const { source, destination, config, uiUrl } = stage;
  const options: CopyOptions = kill === undefined ? {} : pacedOptions(sizeBytes);
  const input = { source, destination, host: config.host, options, limits: config.limits };
  const ref = await startCopy(client, config, input);
  const paced =
    options.bytesPerSecond === undefined
      ? ''
      : `, paced to ${renderBytes(options.bytesPerSecond)}/s so that the ${kill} can be killed`;
  const page = `${uiUrl}/namespaces/default/workflows/${encodeURIComponent(ref.workflowId)}`;
  voice.say(
    'copy',
    `${formatVolume(source)} → ${formatVolume(destination)} as workflow ${ref.workflowId}${paced}`,
    page,
  );
  return ref;
}

/** Bytes flushed, as the last heartbeat has told. */
function flushedOf(described: Described): number | undefined {
  const step = described.steps.find(({ activity }) => activity === 'copyData');
  return step?.beat?.progress.bytesFlushed;
}

/** Kills in the middle, starts again, and tells when the copy goes on. */
class Strike {
  #struckAt: number | undefined;
  #recovered = false;
  #bytesThen = 0;

  constructor(
    readonly kill: Kill,
    readonly stage: Stage,
    readonly voice: Voice,
  ) {}

  /** @throws MomentMissed */
  async act(over: AbortSignal): Promise<void> {
    const { stage, voice } = this;
    const { what, victim, sizeBytes, onStruck } = this.kill;
    const { part, copierPid } = await strikeInTheMiddle(stage, over, (pid) =>
      process.kill(victim.pidOf(pid), 'SIGKILL'),
    );
    onStruck();
    this.#struckAt = performance.now();
    this.#bytesThen = part * sizeBytes;
    voice.say(
      'kill',
      `${Math.round(part * 100)} % are flushed and the copier (pid ${copierPid}) lives:`,
      `SIGKILL for the ${what} (pid ${victim.pidOf(copierPid)}); ${victim.returns}`,
    );
    const member = await victim.restart?.();
    if (member !== undefined) voice.say('again', `${what} started again, pid ${member.pid}`);
  }

  watchRecovery(described: Described): void {
    if (this.#struckAt === undefined || this.#recovered) return;
    const bytes = flushedOf(described);
    const isBeyond =
      bytes === undefined ? described.phase === 'verifying' : bytes > this.#bytesThen;
    if (!isBeyond) return;
    this.#recovered = true;
    const seconds = ((performance.now() - this.#struckAt) / 1000).toFixed(1);
    this.voice.say('recovered', `more is flushed than before the kill, ${seconds} s after it`);
  }
}

/** What is killed in a copy of that size. */
export type Kill = { what: string; victim: Victim; sizeBytes: number; onStruck: () => void };

async function watchToEnd(
  client: Client,
  ref: RunRef,
  voice: Voice,
  strike: Strike | undefined,
  stop: AbortSignal,
): Promise<Copied> {
  const rate = new Rate();
  for (;;) {
    const described = await describePatiently(client, ref);
    stop.throwIfAborted();
    strike?.watchRecovery(described);
    if (described.state !== 'running' || described.needsDecision) {
      voice.silence();
      if (described.needsDecision) return { described };
      return { described, end: await endOf(client, described, described.type) };
    }
    voice.progress(snapshotOf(described, rate), rate);
    await sleep(POLL_MILLISECONDS);
  }
}

/**
 * Watches the copy to its end, or until it waits for a person, who is not there in a demo.
 * @throws MomentMissed, TemporalUnreachable
 */
export async function watchCopy(
  client: Client,
  ref: RunRef,
  stage: Stage,
  voice: Voice,
  kill: Kill | undefined,
): Promise<Copied> {
  const strike = kill && new Strike(kill, stage, voice);
  const [over, stop] = [new AbortController(), new AbortController()];
  try {
    const watched = watchToEnd(client, ref, voice, strike, stop.signal);
    const [copied] = await Promise.all([
      watched.finally(() => over.abort()),
      strike?.act(over.signal),
    ]);
    return copied;
  } finally {
    over.abort();
    stop.abort();
  }
}
