import { execa } from 'execa';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { appendFile, readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, inject, test } from 'vitest';
import type { Ending } from '../rig/workflow-run.ts';
import { Drayage, type DrayageOptions } from '../rig/drayage.ts';
import { keepEvidence } from '../rig/evidence.ts';
import { leftovers } from '../rig/leftovers.ts';

/** One line of the table, as it is asked for. */
export type Row = {
  part: string;
  /** What was done, for example `worker: SIGKILL, started again`. */
  done: string;
  /** The workflow's step at which it was done. */
  step: string;
  setup: string;
  /** How it must end; with several, any of them is right. */
  expected: string | RegExp;
  /** At least two attempts at the data, and at most one range moved twice. */
  resumed?: true;
  /** The destination, too, must be as it was. */
  untouched?: true;
};

/** The same line, as it came out. */
export type Result = Omit<Row, 'expected' | 'untouched' | 'resumed'> & {
  order: string;
  file: string;
  outcome: string;
  bytes: string;
  left: string;
  seconds: number;
  passed: boolean;
};

type Options = Partial<Omit<DrayageOptions, 'dist' | 'name'>>;

async function digest(path: string): Promise<string> {
  return createHash('sha256')
    .update(await readFile(path))
    .digest('hex');
}

/** What is left, given a moment for what the kernel and the server's lists are late with. */
async function whatIsLeft(rig: Drayage): Promise<string[]> {
  for (let looks = 0; ; looks += 1) {
    const left = await leftovers(rig);
    if (left.length === 0 || looks === 12) return left;
    await sleep(250);
  }
}

async function bytesOf(rig: Drayage, row: Row, ending: Ending, before: string[]): Promise<string> {
  const [source, destination] = [rig.volumeFile('source'), rig.volumeFile('destination')];
  if (!existsSync(source)) return 'not looked at';
  if ((await digest(source)) !== before[0]) return 'SOURCE CHANGED';
  if (ending.report !== undefined) {
    const bytes = String(ending.report.plan.bytesTotal);
    const { exitCode } = await execa('cmp', ['-n', bytes, source, destination], { reject: false });
    return exitCode === 0 ? 'equal' : 'DIFFERENT';
  }
  if (row.untouched !== true) return 'source unchanged';
  return (await digest(destination)) === before[1] ? 'both unchanged' : 'DESTINATION CHANGED';
}

/** Ends the workers in order; answers what is left without them. */
async function afterwards(rig: Drayage): Promise<string[]> {
  for (const worker of rig.workers) {
    const end = worker.isRunning ? await worker.stop() : 0;
    if (end !== 0) return [`worker ended with ${end}`];
  }
  return whatIsLeft(rig);
}

let count = 0;

/**
 * A row of the fault table: does it, then looks at the outcome, the bytes and the real system.
 * What tells why is kept when it fails.
 */
export function fault(
  row: Row,
  act: (rig: Drayage) => Promise<Ending>,
  options: Options | (() => Promise<Options>) = {},
): void {
  const order = `${row.part} ${String((count += 1)).padStart(3, '0')}`;
  test(`${row.done} | ${row.step} | ${row.setup}`, async ({ task }) => {
    const own = typeof options === 'function' ? await options() : options;
    const name = `${row.part.replace(/[^A-Za-z0-9]+/g, '').slice(0, 12)}-${count}-${process.pid}`;
    const rig = await Drayage.start({
      address: inject('address'),
      dist: inject('dist'),
      name,
      ...own,
    });
    const startedAt = performance.now();
    const { part, done, step, setup, expected } = row;
    const result: Result = {
      ...{ order, file: task.file.name, part, done, step, setup },
      ...{ outcome: 'not finished', bytes: '–', left: '–', seconds: 0, passed: false },
    };
    try {
      const before = await Promise.all(
        ['source', 'destination'].map((id) => digest(rig.volumeFile(id))),
      );
      const ending = await act(rig);
      result.outcome = ending.outcome;
      result.seconds = Math.round((performance.now() - startedAt) / 100) / 10;
      const left = await whatIsLeft(rig);
      result.bytes = await bytesOf(rig, row, ending, before);
      const afterStop = await afterwards(rig);
      result.left = [...left, ...afterStop].join('; ') || 'nothing';
      if (typeof expected === 'string') expect(ending.outcome, ending.message).toBe(expected);
      else expect(ending.outcome, ending.message).toMatch(expected);
      if (row.resumed === true) {
        const { copied, plan: planned } = ending.report!;
        expect(copied.attempts).toBeGreaterThanOrEqual(2);
        expect(copied.bytesCopiedAgain).toBeLessThanOrEqual(planned.rangeBytes);
      }
      expect(result.bytes).toMatch(/^(equal|source unchanged|both unchanged)$/);
      expect(left, 'left behind while the worker lives').toEqual([]);
      expect(afterStop, 'left behind after the worker has ended').toEqual([]);
      result.passed = true;
    } catch (error) {
      await keepEvidence(rig, `${order} ${task.name}`, error).catch((problem: unknown) => {
        console.error('evidence could not be kept', problem);
      });
      throw error;
    } finally {
      if (process.env['KEEP_EVIDENCE'] !== undefined) await keepEvidence(rig, order, 'asked for');
      await appendFile(inject('results'), `${JSON.stringify(result)}\n`);
      await rig.close();
    }
  });
}
