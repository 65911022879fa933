import type {
  CopyEnds,
  CopyPlan,
  EngineName,
  Reasoned,
  ThrottleKind,
} from '../../contract/copy.ts';
import type { Role } from '../../contract/volume.ts';
import { inspectEnd } from '../end-state.ts';
import { GROUP_ROOTS, type GroupKind, makeGroup, usableController, wholeDisk } from './cgroup.ts';
import { removeGroups } from './cgroup.ts';
import { directEnds } from '../probe.ts';

type Direct = { source: boolean; destination: boolean };

/**
 * The end whose device queue can be limited. One is enough, since dd, and each lane, reads and writes
 * in turn, and two would each make the other wait. Only O_DIRECT is charged to the copier for certain.
 */
async function limitedEnd(
  ends: CopyEnds,
  direct: Direct,
): Promise<{ role: Role; device: string } | undefined> {
  for (const role of ['destination', 'source'] as const) {
    if (!direct[role]) continue;
    const device = await wholeDisk((await inspectEnd(ends[role], role)).onDevice);
    if (device !== undefined) return { role, device };
  }
  return undefined;
}

/** Which way a limit will be kept, and why. */
export async function chooseThrottle(
  ends: CopyEnds,
  direct: Direct,
  engine: EngineName,
  isLimited: boolean,
  roots = GROUP_ROOTS,
): Promise<Reasoned<ThrottleKind>> {
  if (!isLimited) return { value: 'none', because: 'no limit was asked for' };
  const paced = (because: string): Reasoned<ThrottleKind> => ({ value: 'paced', because });
  if (engine === 'file') return paced('the file engine goes through the page cache');
  const controller = await usableController(roots);
  if (controller === undefined) return paced('this host offers no io controller');
  const end = await limitedEnd(ends, direct);
  if (end === undefined) return paced('neither end is a disk of this host opened with O_DIRECT');
  return { value: controller, because: `limits the ${end.role} on disk ${end.device}` };
}

/** A limit while it is kept. */
export type Throttle = {
  /** cgroup that keeps it, which the copier has to join; without one it keeps a pace by itself. */
  group?: string;
  /** Unit: bytes a second; undefined: none. */
  set(bytesPerSecond: number | undefined): Promise<void>;
  close(): Promise<void>;
};

/** Sets up what the plan chose; where this host cannot do it as planned, copiers keep a pace. */
export async function openThrottle(
  plan: CopyPlan,
  ends: CopyEnds,
  copierDirectory: string,
  bytesPerSecond: number | undefined,
): Promise<Throttle> {
  const kind = plan.throttle.value;
  const close = async (): Promise<void> => {
    // Why the copier ended matters more; its fence takes the group away, or says why it cannot.
    await removeGroups(copierDirectory).catch(() => undefined);
  };
  const paced: Throttle = { set: () => Promise.resolve(), close };
  if (kind === 'none' || kind === 'paced') return paced;
  const end = await limitedEnd(ends, directEnds(plan));
  if (end === undefined || (await usableController()) !== kind) return paced;
  const set = (limit: number | undefined): Promise<string> =>
    makeGroup(copierDirectory, kind satisfies GroupKind, { ...end, bytesPerSecond: limit });
  return {
    group: await set(bytesPerSecond),
    set: async (limit) => {
      await set(limit);
    },
    close,
  };
}
