import { existsSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { until } from './poll.ts';

/** Before a step acts, or after it has acted and before its answer is sent. */
export type Moment = 'before' | 'after';

/** The test's side of step-gate.js. */
export class Gates {
  constructor(readonly directory: string) {}

  async make(): Promise<void> {
    await mkdir(this.directory, { recursive: true });
  }

  /** Whoever comes to this moment of the step waits, from now on. */
  async close(step: string, moment: Moment): Promise<void> {
    await writeFile(join(this.directory, `${step}.${moment}`), '');
  }

  /** Returns when the step stands before the gate. */
  async reached(step: string, moment: Moment): Promise<void> {
    const mark = join(this.directory, `${step}.${moment}.reached`);
    await until(`${step}.${moment} reached`, () => existsSync(mark), { seconds: 90 });
  }

  async open(step: string, moment: Moment): Promise<void> {
    for (const end of ['', '.reached']) {
      await rm(join(this.directory, `${step}.${moment}${end}`), { force: true });
    }
  }
}
