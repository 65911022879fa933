import type { ChildProcess } from 'node:child_process';
import type { LaneSetting } from '../../contract/copy.ts';
import { type Exit, supervise } from '../supervise.ts';
import { nodeProgram } from '../node-program.ts';
import type { ChunkDone, Command, LaneJob, Told } from './job.ts';
import { readTold } from './read-told.ts';

const KEPT_CHARACTERS = 2000;

/** argv of the lanes' program; it wants an IPC channel and the ends as descriptors 3 and 4. */
export function lanesArguments(job: LaneJob): string[] {
  return [...nodeProgram('lanes/main'), JSON.stringify(job)];
}

/** Tells a lanes' program something; one that has ended needs it no more. */
export function command(child: ChildProcess, what: Command): void {
  child.send(what, () => undefined);
}

export type LanesListener = {
  /** Bytes of all requests so far, and the best setting of lanes that is known. */
  moved: (bytes: number, setting: LaneSetting) => void;
  /** Chunks in the order of their end, one call at a time; answers up to where all is recorded. */
  done: (chunks: ChunkDone[]) => Promise<number>;
  /** What a person may want to know. */
  notice: (words: string) => void;
};

/**
 * Follows a lanes' program until it has ended, and what it told was dealt with. `words`: what it
 * said of the end that failed. Throws what the listener throws; the program is killed then.
 * @throws ToolMissing, StuckProcess, Unexpected
 */
export async function followLanes(
  child: ChildProcess,
  signal: AbortSignal,
  listener: LanesListener,
): Promise<{ exit: Exit; words: string }> {
  let [words, stderr] = ['', ''];
  const broken = new AbortController();
  let dealing = Promise.resolve();
  async function deal(chunks: ChunkDone[]): Promise<void> {
    if (broken.signal.aborted) return;
    try {
      command(child, { kind: 'recorded', upTo: await listener.done(chunks) });
    } catch (error) {
      broken.abort(error);
    }
  }
  function hear(told: Told): void {
    if (told.kind === 'moved') listener.moved(told.bytes, told.setting);
    else if (told.kind === 'notice') listener.notice(told.words);
    else if (told.kind === 'failed') words ||= told.words;
    else dealing = dealing.then(() => deal(told.chunks));
  }
  child.on('message', (message) => {
    try {
      hear(readTold(message));
    } catch (error) {
      broken.abort(error);
    }
  });
  child.stdout?.resume();
  child.stderr?.on('data', (chunk: Buffer) => {
    stderr = (stderr + chunk.toString('latin1')).slice(0, KEPT_CHARACTERS);
  });
  const exit = await supervise(child, AbortSignal.any([signal, broken.signal]));
  await dealing;
  broken.signal.throwIfAborted();
  return { exit, words: words || stderr.trim() };
}
