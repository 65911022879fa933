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
import { flushedPart, pacedOptions, strikeInTheMiddle } from './moment.ts';
import type { DemoOptions } from './options.ts';
import type { Stage } from './stage.ts';
import type { Victim } from './victim.ts';
import type { Voice } from './voice.ts';

const POLL_MILLISECONDS = 200;

/** A copy that has ended or waits for a person, and whether something was killed on the way. */
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

/** Kills in the middle, starts again, and tells when the copy goes on. */
class Strike {
  #struckAt: number | undefined;
  #partThen = 0;
  #recovered = false;

  constructor(
    readonly what: string,
    readonly victim: Victim,
    readonly stage: Stage,
    readonly voice: Voice,
  ) {}

  async look(described: Described): Promise<void> {
    if (this.#struckAt !== undefined) {
      this.#watchRecovery(described, this.#struckAt);
      return;
    }
    const { what, victim, stage, voice } = this;
    const copierPid = await strikeInTheMiddle(described, stage, (pid) =>
      process.kill(victim.pidOf(pid), 'SIGKILL'),
    );
    if (copierPid === undefined) return;
    this.#struckAt = performance.now();
    this.#partThen = flushedPart(described) ?? 0;
    const percent = Math.round(this.#partThen * 100);
    voice.say(
      'kill',
      `${percent} % are flushed and the copier (dd, pid ${copierPid}) lives:`,
      `SIGKILL for the ${what} (pid ${victim.pidOf(copierPid)}); ${victim.returns}`,
    );
    const member = await victim.restart?.();
    if (member !== undefined) voice.say('again', `${what} started again, pid ${member.pid}`);
  }

  #watchRecovery(described: Described, struckAt: number): void {
    const part = flushedPart(described);
    const isBeyond = part === undefined ? described.phase === 'verifying' : part > this.#partThen;
    if (this.#recovered || !isBeyond) return;
    this.#recovered = true;
    const seconds = ((performance.now() - struckAt) / 1000).toFixed(1);
    this.voice.say('recovered', `more is flushed than before the kill, ${seconds} s after it`);
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
  kill?: { what: string; victim: Victim },
): Promise<Copied> {
  const rate = new Rate();
  const strike = kill && new Strike(kill.what, kill.victim, stage, voice);
  for (;;) {
    const described = await describePatiently(client, ref);
    await strike?.look(described);
    if (described.state !== 'running' || described.needsDecision) {
      voice.silence();
      if (described.needsDecision) return { described };
      return { described, end: await endOf(client, described, described.type) };
    }
    voice.progress(snapshotOf(described, rate), rate);
    await sleep(POLL_MILLISECONDS);
  }
}
