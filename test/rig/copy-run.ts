import type { WorkflowHandle } from '@temporalio/client';
import { readFileSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { CopyInput, CopyReport } from '../../contract/copy.ts';
import { copyWorkflowId } from '../../contract/ids.ts';
import { WORKFLOW_QUEUE } from '../../contract/queues.ts';
import { WORKFLOWS } from '../../contract/workflows.ts';
import type { Drayage } from './drayage.ts';
import { until } from './poll.ts';
import { type Ending, WorkflowRun } from './workflow-run.ts';

const COPIER = /^dd\0|^[^\0]*node\0.*lanes\/main\./;

/** One copy of a rig, seen from outside. */
export class CopyRun extends WorkflowRun {
  constructor(
    rig: Drayage,
    readonly input: CopyInput,
    handle: WorkflowHandle,
  ) {
    super(rig, handle);
  }

  protected conclude(result: unknown): Ending {
    return { outcome: 'completed', message: '', report: result as CopyReport };
  }

  #copierIn(state: string): string {
    const { backend, id } = this.input.destination;
    return join(state, 'copiers', `${backend}.${id}`);
  }

  /** Bytes known to be flushed, from a mover's own file; default: the first mover's. */
  async bytesFlushed(state = this.rig.state): Promise<number> {
    try {
      const whole = await readFile(join(this.#copierIn(state), 'checkpoint.json'), 'utf8');
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
      const { ino } = statSync(join(this.#copierIn(this.rig.state), 'lock'));
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
    // A worker that is cut off keeps a workflow task for as long.
    ...(rig.network === undefined ? {} : { workflowTaskTimeout: '2 seconds' }),
    workflowIdConflictPolicy: 'FAIL',
    workflowIdReusePolicy: 'ALLOW_DUPLICATE',
  });
  return new CopyRun(rig, input, handle);
}
