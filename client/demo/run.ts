import { copyWorkflowId } from '../../contract/ids.ts';
import type { Outcome } from '../command.ts';
import { describeFailure } from '../failure.ts';
import { renderBytes } from '../render/quantities.ts';
import { renderError } from '../render/error.ts';
import { withClient } from '../temporal/with-client.ts';
import { beginCopy, watchCopy } from './copy.ts';
import { Crew } from './crew.ts';
import { endOnSignal } from './interrupt.ts';
import { findLeftovers } from './leftovers/look.ts';
import type { DemoOptions } from './options.ts';
import { makeVolumes, untilServed } from './prepare.ts';
import { lookWhileServing, proveIdentical } from './proof.ts';
import { type DemoResult, failedResult, isGood, outcomeOf } from './result.ts';
import { withCopy, withError } from './result.ts';
import { setStage, type Stage, strikeStage } from './stage.ts';
import { sweep } from './sweep.ts';
import { findVictim } from './victim.ts';
import { Voice } from './voice.ts';

/** How long server and worker may take to end in order. */
const DISMISS_SECONDS = 20;

const LOOKED_FOR = [
  'left behind of targets, sessions, accounts, exports, reservations, claims, attachments,',
  'copiers, mounts, processes, locks, temporary files, cgroups, loop devices:',
];

/** What is known so far; a failure on the way must not lose it. */
type Play = { stage: Stage; crew: Crew; voice: Voice; options: DemoOptions; result: DemoResult };

async function startServer({ crew, stage, voice }: Play) {
  voice.say('server', 'starting Temporal; the very first time it may have to be fetched …');
  const server = await crew.startServer();
  voice.say('', `Temporal at ${stage.config.temporal.address}, Web UI ${stage.uiUrl}`);
  return server;
}

async function play(play: Play): Promise<void> {
  const { stage, crew, voice, options } = play;
  const { kill } = options;
  const { member: server, temporalPid } = await startServer(play);
  const worker = await crew.startWorker();
  await untilServed(stage, worker);
  voice.say('worker', `host demo, pid ${worker.pid}, serves ${stage.storage} storage`);
  await makeVolumes(stage, options.sizeBytes, voice);
  await withClient(stage.config, async (client) => {
    const ref = await beginCopy(client, stage, options, voice);
    const now = { worker, server, temporalPid };
    const victim = kill && (await findVictim(kill, stage, crew, now));
    const onStruck = (): void => void (play.result.killed = kill ?? null);
    const { sizeBytes } = options;
    const struck = kill && victim && { what: kill, victim, sizeBytes, onStruck };
    const copied = await watchCopy(client, ref, stage, voice, struck);
    play.result = withCopy(play.result, copied);
  });
  const { result } = play;
  if (result.error !== undefined) voice.say('failed', result.error.message);
  if (result.status !== 'completed') return;
  const { bytes, seconds, mibPerSecond } = result;
  const speed = `in ${seconds.toFixed(1)} s, ${mibPerSecond.toFixed(1)} MiB/s`;
  voice.say('copied', `${renderBytes(bytes)} ${speed}, compared, both volumes detached`);
  result.identical = await proveIdentical(stage, voice);
}

/** Ends everything and looks what would have stayed. */
async function clear({ stage, crew, voice, result }: Play): Promise<void> {
  const before = result.status === 'completed' ? await lookWhileServing(stage, crew) : [];
  voice.say('end', 'ending worker, storage and server');
  await crew.dismiss(DISMISS_SECONDS);
  const after = await findLeftovers(stage, undefined).finally(() => sweep(stage));
  result.leftovers = [...new Set([...result.leftovers, ...before, ...after])];
  const found = result.leftovers.length === 0 ? ['nothing'] : result.leftovers;
  voice.say('proof', ...LOOKED_FOR, ...found.map((left) => `- ${left}`));
}

/**
 * Shows one durable copy from nothing to the proof, in processes of its own, and ends and removes
 * everything; after a failure the directory with the logs stays.
 * @throws StorageFull before anything is started
 */
export async function runDemo(options: DemoOptions): Promise<Outcome> {
  const stage = await setStage(options);
  const crew = new Crew(stage);
  const voice = new Voice();
  const result = failedResult(options.storage, copyWorkflowId(stage.source));
  const state: Play = { stage, crew, voice, options, result };
  const forgetSignals = endOnSignal(async () => {
    voice.silence();
    await crew.dismiss(0);
    await sweep(stage);
    await strikeStage(stage);
  });
  const { sizeBytes, storage, because } = options;
  voice.say('demo', `${renderBytes(sizeBytes)} on ${storage} storage (${because})`);
  voice.say('', `everything is in ${stage.directory}`);
  try {
    await play(state);
  } catch (error) {
    voice.silence();
    const failure = describeFailure(error);
    voice.say('failed', ...renderError(failure).split('\n'));
    state.result = withError(state.result, failure);
  }
  await clear(state);
  forgetSignals();
  if (isGood(state.result)) await strikeStage(stage);
  else voice.say('kept', `${stage.directory}; what happened is in ${stage.logs}`);
  return outcomeOf(state.result);
}
