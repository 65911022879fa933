import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, open, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Device } from '../../contract/attachment.ts';
import type { CopyControl } from '../../contract/control.ts';
import type { CopyEnds, CopyOptions, CopyPlan, CopyProgress } from '../../contract/copy.ts';
import type { CertifiedBytes, ReadEnds, ReadPlan } from '../../contract/verify.ts';
import { DEFAULT_LIMITS, type TimeLimits } from '../../contract/limits.ts';
import type { CopyRun } from '../../copy/copy-run.ts';
import type { Guidance } from '../../copy/engine.ts';
import { LaneBudget } from '../../copy/lane-budget.ts';
import { planCopy } from '../../copy/plan.ts';
import type { CompareRun } from '../../copy/compare.ts';
import type { ReadRun } from '../../copy/inspection.ts';
import { planRead } from '../../copy/plan-read.ts';
import type { DataRun } from '../../copy/data-run.ts';
import type { Wishes } from '../../copy/steering.ts';
import { type VerifyRun } from '../../copy/verify.ts';
import { raiseEpoch } from '../../system/epoch.ts';
import { type HostState, makeStateDirs, stateDirs } from '../../system/host-state.ts';
import type { Log } from '../../system/log.ts';

export const exec = promisify(execFile);
export const MIB = 2 ** 20;

/** What the tests' host allows. */
export const LANES = { lanes: 8, lanesOf: {} };

export const VOLUMES = {
  source: { backend: 'file', id: 'from' },
  destination: { backend: 'file', id: 'to' },
};

/** Whose the volumes are, where a claim says it. */
export const OWNER = {
  namespace: 'default',
  workflowId: 'copy/file:from',
  firstRunId: 'run',
  hostId: 'test',
  destination: VOLUMES.destination,
};

/** A directory of its own, with the undo of whatever the test puts on it. */
export class Rig {
  readonly #undo: (() => Promise<unknown>)[] = [];
  readonly notices: string[] = [];
  private constructor(
    readonly directory: string,
    readonly state: HostState,
  ) {}

  static async make(): Promise<Rig> {
    const directory = await mkdtemp(join(tmpdir(), 'dray-copy-'));
    const dirs = stateDirs(join(directory, 'state'));
    await makeStateDirs(dirs);
    const epoch = await raiseEpoch(join(dirs.root, 'epoch'), 'test');
    return new Rig(directory, { hostId: 'test', epoch, dirs });
  }

  path(name: string): string {
    return join(this.directory, name);
  }

  undo(act: () => Promise<unknown>): void {
    this.#undo.unshift(act);
  }

  get log(): Log {
    const note = (message: string): void => void this.notices.push(message);
    return { debug: note, info: note, warn: note, error: note };
  }

  /** A file of random bytes, or of one repeated byte. */
  async file(name: string, bytes: number, fill: 'random' | number = 'random'): Promise<Device> {
    const path = this.path(name);
    await writeFile(path, fill === 'random' ? randomBytes(bytes) : Buffer.alloc(bytes, fill));
    return { path, sizeBytes: bytes, accessMode: 'rw' };
  }

  /** Random bytes with a hole in the middle third. */
  async sparse(name: string, bytes: number): Promise<Device> {
    const path = this.path(name);
    const third = Math.floor(bytes / 3);
    const file = await open(path, 'w');
    await file.write(randomBytes(third), 0, third, 0);
    await file.write(randomBytes(third), 0, third, bytes - third);
    await file.close();
    return { path, sizeBytes: bytes, accessMode: 'rw' };
  }

  async loop(file: Device): Promise<Device> {
    const { stdout } = await exec('losetup', ['--find', '--show', '--direct-io=on', file.path]);
    const path = stdout.trim();
    this.undo(() => exec('losetup', ['-d', path]));
    return { ...file, path };
  }

  /** With engine dd, unless told otherwise. */
  async plan(ends: CopyEnds, options: CopyOptions = {}, readsAsZeros = false): Promise<CopyPlan> {
    return planCopy({
      ends,
      volumes: VOLUMES,
      destinationReadsAsZeros: readsAsZeros,
      encrypted: false,
      options: { engine: 'dd', ...options },
      host: LANES,
    });
  }

  run(
    plan: CopyPlan,
    ends: CopyEnds,
    more: Partial<CopyRun> & { limits?: TimeLimits } = {},
  ): CopyRun & { seen: CopyProgress[] } {
    const seen: CopyProgress[] = [];
    const onProgress = (progress: CopyProgress): void => void seen.push(progress);
    return { ...this.#attempt(plan, ends), wishes: this.wishes(), onProgress, seen, ...more };
  }

  wishes(control: Partial<CopyControl> = {}): Wishes {
    const none: CopyControl = { version: 0, paused: false };
    return { runId: 'run-1', control: { ...none, ...control }, hostLimit: () => undefined };
  }

  /** An attempt at verify, of what `run` has copied. */
  verify(plan: CopyPlan, ends: CopyEnds, more: Partial<VerifyRun> = {}): VerifyRun {
    return { ...this.#attempt(plan, ends), mode: 'full', onProgress: () => undefined, ...more };
  }

  /** An attempt at comparing two volumes. */
  async compare(ends: CopyEnds, more: Partial<ReadRun> = {}): Promise<ReadRun> {
    const plan = await planRead({ ends, volumes: VOLUMES, host: LANES });
    return { ...this.#attempt(plan, ends), onProgress: () => undefined, ...more };
  }

  /** An attempt at comparing the destination with a certificate. */
  async compareWith(
    certificate: CertifiedBytes,
    destination: Device,
    more: Partial<ReadRun> = {},
  ): Promise<CompareRun> {
    const ends = { destination };
    const plan = await planRead({ ends, volumes: VOLUMES, certificate, host: LANES });
    return { ...this.#attempt(plan, ends), certificate, onProgress: () => undefined, ...more };
  }

  #attempt<P extends ReadPlan, E extends ReadEnds>(
    plan: P,
    ends: E,
  ): Omit<DataRun, 'plan' | 'ends'> & { plan: P; ends: E } {
    return {
      state: this.state,
      copyId: 'copy-1',
      reservations: { source: 'reserved-1', destination: 'reserved-2' },
      token: randomBytes(8).toString('hex'),
      plan,
      ends,
      volumes: VOLUMES,
      limits: DEFAULT_LIMITS,
      laneBudget: new LaneBudget(LANES),
      signal: new AbortController().signal,
      log: this.log,
    };
  }

  async close(): Promise<void> {
    for (const act of this.#undo.splice(0)) await act();
    await rm(this.directory, { recursive: true, force: true });
  }
}

export async function digest(path: string, bytes?: number): Promise<string> {
  // Block devices have no size to read by: the whole content is what the test wrote.
  const content = await readFile(path);
  return createHash('sha256').update(content.subarray(0, bytes)).digest('hex');
}

export async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

/** Nobody wants anything of the copier. */
export const UNGUIDED: Guidance = {
  pace: undefined,
  paused: false,
  lanes: 8,
  follow: () => () => undefined,
};
/** The catalogue code of a caught error. */
export function codeOf(error: unknown): string | undefined {
  return (error as { code?: string } | undefined)?.code;
}
