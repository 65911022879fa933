import type { WorkflowHandle } from '@temporalio/client';
import { readFileSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describeFailure } from '../../client/failure.ts';
import type { CopyInput, CopyReport } from '../../contract/copy.ts';
import { copyWorkflowId } from '../../contract/ids.ts';
import {
  type CopyStatus,
  DECIDE_UPDATE,
  type DecisionKind,
  type ParkedStep,
  STATUS_QUERY,
} from '../../contract/messages.ts';
import { WORKFLOW_QUEUE } from '../../contract/queues.ts';
import { WORKFLOWS } from '../../contract/workflows.ts';
import type { Drayage } from './drayage.ts';
import { until } from './poll.ts';

/** The longest that a row waits for the end. */
const PATIENCE_MS = 200_000;

/** How a copy ended, in words that a table can show: `completed`, `failed VolumeBusy` … */
export type Ending = { outcome: string; message: string; report?: CopyReport };

const COPIER = /^dd\0|^[^\0]*node\0.*lanes\/main\./;

/** One copy of a rig, seen from outside. */
export class CopyRun {
  /** Codes of what was parked and how it was decided, in order. */
  readonly decided: string[] = [];

  constructor(
    readonly rig: Drayage,
    readonly input: CopyInput,
    readonly handle: WorkflowHandle,
  ) {}

  /**
   * Waits for the end, or for a step that is parked without anybody waiting for it. What was parked
   * and decided stands before it.
   */
  async ending(): Promise<Ending> {
    const over = new AbortController();
    try {
      return await Promise.race([this.#result(over.signal), this.#stuck(over.signal)]);
    } finally {
      over.abort();
    }
  }

  async #stuck(signal: AbortSignal): Promise<Ending> {
    const started = performance.now();
    for (;;) {
      await sleep(1000, undefined, { signal, ref: false });
      // Without a worker nobody can answer; then it is asked again.
      const status = await this.status().catch(() => undefined);
      const [parked] = status?.parked ?? [];
      const late = performance.now() - started > PATIENCE_MS;
      if (parked === undefined && !late) continue;
      const outcome = parked === undefined ? 'not ended' : `parked ${parked.step} ${parked.code}`;
      return { outcome, message: parked?.message ?? JSON.stringify(status) };
    }
  }

  async #result(signal: AbortSignal): Promise<Ending> {
    const before = this.decided.map((what) => `${what}, then `).join('');
    try {
      const result = this.rig.client.withAbortSignal(signal, () => this.handle.result());
      const report = (await result) as CopyReport;
      return { outcome: `${before}completed`, message: '', report };
    } catch (error) {
      const { code, message } = describeFailure(error);
      const words: Record<string, string> = { Cancelled: 'cancelled', Terminated: 'terminated' };
      return { outcome: before + (words[code] ?? `failed ${code}`), message };
    }
  }

  status(): Promise<CopyStatus> {
    return this.handle.query<CopyStatus>(STATUS_QUERY);
  }

  /** Waits until a step is parked, one of that name where one is given. */
  async parked(step?: string, seconds = 90): Promise<ParkedStep> {
    return until(
      `${step ?? 'a step'} parked`,
      async () => {
        const { status } = await this.handle.describe();
        if (status.name !== 'RUNNING') {
          throw new Error(`not parked but ${(await this.ending()).outcome}`);
        }
        const { parked } = await this.status();
        return parked.find((found) => step === undefined || found.step === step);
      },
      { seconds, everyMs: 250 },
    );
  }

  async decide(parked: ParkedStep, decision: DecisionKind, hostIsOff?: true): Promise<void> {
    this.decided.push(`parked ${parked.code}, decided ${decision}`);
    const argument = { step: parked.step, decision, reason: 'the test says so', hostIsOff };
    await this.handle.executeUpdate(DECIDE_UPDATE, { args: [argument] });
  }

  get #copier(): string {
    const { backend, id } = this.input.destination;
    return join(this.rig.state, 'copiers', `${backend}.${id}`);
  }

  /** Bytes known to be flushed, from the mover's own file. */
  async bytesFlushed(): Promise<number> {
    try {
      const whole = await readFile(join(this.#copier, 'checkpoint.json'), 'utf8');
      const file = JSON.parse(whole) as { text: string };
      const { flushed } = JSON.parse(file.text) as { flushed: { length: number }[] };
      return flushed.reduce((sum, range) => sum + range.length, 0);
    } catch {
      return 0;
    }
  }

  /** Returns when a part of the bytes is flushed, but not all. */
  async flushedAtLeast(part: number): Promise<number> {
    const total = statSync(this.rig.volumeFile(this.input.source.id)).size;
    const flushed = await until(`${part} of the copy flushed`, async () => {
      const bytes = await this.bytesFlushed();
      return bytes >= part * total ? bytes : undefined;
    });
    if (flushed >= total) throw new Error('the copy was over before it could be disturbed');
    return flushed;
  }

  /** Pid of the copier that lives right now, by its lock; synchronous, to lose no time. */
  copierPid(): number | undefined {
    try {
      const { ino } = statSync(join(this.#copier, 'lock'));
      const line = readFileSync('/proc/locks', 'utf8')
        .split('\n')
        .map((text) => text.trim().split(/\s+/))
        .find((words) => words[1] === 'FLOCK' && words[5]?.endsWith(`:${ino}`));
      const pid = Number(line?.[4]);
      if (!(pid > 0)) return undefined;
      // Before it has become one of these it is still on its way through lock and guard.
      return COPIER.test(readFileSync(`/proc/${pid}/cmdline`, 'utf8')) ? pid : undefined;
    } catch {
      return undefined;
    }
  }

  /** Acts at an instant at which a copier lives, past a part of the bytes. */
  async whileCopying(part: number, act: (copierPid: number) => void): Promise<void> {
    await this.flushedAtLeast(part);
    await until(
      'a living copier',
      () => {
        const pid = this.copierPid();
        if (pid === undefined) return false;
        act(pid);
        return true;
      },
      { everyMs: 1 },
    );
  }
}

export async function startCopy(rig: Drayage, input: CopyInput): Promise<CopyRun> {
  const handle = await rig.client.workflow.start(WORKFLOWS.copyVolume, {
    workflowId: copyWorkflowId(input.source),
    taskQueue: WORKFLOW_QUEUE,
    args: [input],
    workflowIdConflictPolicy: 'FAIL',
    workflowIdReusePolicy: 'ALLOW_DUPLICATE',
  });
  return new CopyRun(rig, input, handle);
}
