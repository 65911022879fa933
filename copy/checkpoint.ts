import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { z } from 'zod';
import { readChunkStates } from '../contract/chunk-states.ts';
import { DrayError } from '../contract/errors.ts';
import type { ReadPlan } from '../contract/verify.ts';
import { readJson, writeAtomic } from '../system/atomic-file.ts';
import { countsIn, NOTHING_COUNTED } from '../contract/byte-counts.ts';
import { EMPTY_CURVE } from './curve.ts';
import { addRange, areMerged, sumBytes, windowFrom } from './ranges.ts';

const bytes = z.int().min(0);
const range = z.object({ offset: bytes, length: bytes });
const counts = z.object({
  bytesRead: bytes.exactOptional(),
  bytesWritten: bytes.exactOptional(),
  bytesSkipped: bytes.exactOptional(),
  bytesZeroed: bytes.exactOptional(),
});

const body = z.object({
  version: z.literal(1),
  /** The copy it belongs to, and the reservations that its ranges were written under. */
  copyId: z.string(),
  reservations: z.object({ source: z.string(), destination: z.string() }),
  bytesTotal: bytes,
  /** Known to be on the destination, merged. */
  flushed: z.array(range),
  attempts: bytes,
  /** Attempts since a byte was last flushed, and when the first of them began (ms since 1970). */
  idleAttempts: bytes,
  idleSince: bytes,
  /** Started and not known to be flushed; `moved` where it is known how far it came. */
  running: range.extend({ moved: bytes.exactOptional() }).exactOptional(),
  bytesCopiedAgain: bytes,
  curve: z.object({ stepMilliseconds: bytes.min(1), points: z.array(z.tuple([bytes, bytes])) }),
  /** Found equal since it was flushed, merged. */
  verified: z.array(range),
  /** Chunks that verify found to differ: the next copy takes them out of `flushed`. */
  differing: z.array(range),
  bytesRepaired: bytes,
  bytesDigestedLate: bytes,
  /** Where something may have been written that is not the source's: its zeros are not left out. */
  touched: z.array(range),
  /** Where the source could not be read and the destination has zeros instead, merged. */
  unreadable: z.array(range),
  /** Of all that was ever flushed. */
  counts,
  /** When the first attempt began (ms since 1970). */
  startedAt: bytes,
  /** Since when nobody works on it because it was to be paused (ms since 1970). */
  pausedAt: bytes.exactOptional(),
});
/** The body as text: a checksum of anything else would depend on the order of its keys. */
const fileSchema = z.object({ checksum: z.string(), text: z.string() });

/** What is known of a copy on this host, whoever works on it. */
export type Checkpoint = z.infer<typeof body>;

const heartbeatSchema = z.object({
  bytesSubmitted: bytes,
  bytesFlushed: bytes,
  bytesTotal: bytes,
  attempt: bytes,
  flushed: z.array(range),
  unreadable: z.array(range).default([]),
  chunkStates: z.string().exactOptional(),
  settled: z
    .object({
      seconds: z.number().min(0),
      bytesCopiedAgain: bytes,
      bytesRepaired: bytes,
      touched: z.array(range),
    })
    .exactOptional(),
  ...counts.shape,
});

const checksumOf = (text: string): string => createHash('sha256').update(text).digest('hex');

const fileIn = (directory: string): string => join(directory, 'checkpoint.json');

/** Whose progress it is; a volume that was free since may hold anything. */
export type CheckpointOwner = Pick<Checkpoint, 'copyId' | 'reservations'> & {
  /** An earlier run of the same copy may have written, whatever is known of it. */
  mayHaveWritten?: boolean;
};

function begin({ copyId, reservations }: CheckpointOwner, plan: ReadPlan): Checkpoint {
  const now = Date.now();
  return {
    version: 1,
    copyId,
    reservations,
    bytesTotal: plan.bytesTotal,
    flushed: [],
    attempts: 0,
    idleAttempts: 0,
    idleSince: now,
    bytesCopiedAgain: 0,
    curve: EMPTY_CURVE,
    verified: [],
    differing: [],
    bytesRepaired: 0,
    bytesDigestedLate: 0,
    touched: [],
    unreadable: [],
    counts: NOTHING_COUNTED,
    startedAt: now,
  };
}

/** Why a checkpoint is of something else; undefined when it is not. */
function foreign(found: Checkpoint, { copyId, reservations }: CheckpointOwner) {
  if (found.copyId !== copyId) return `it belongs to copy ${found.copyId}`;
  for (const role of ['source', 'destination'] as const) {
    if (found.reservations[role] !== reservations[role]) return `the ${role} was free since`;
  }
  return undefined;
}

/** Why a checkpoint cannot be gone on from; undefined when it can. */
function unfit(found: Pick<Checkpoint, 'bytesTotal' | 'flushed'>, plan: ReadPlan) {
  if (found.bytesTotal !== plan.bytesTotal) return `it is of ${found.bytesTotal} bytes`;
  // A pause may end a chunk behind the shortest of requests.
  const fit = areMerged(found.flushed, plan.bytesTotal, plan.minRequestBytes);
  return fit ? undefined : 'its ranges do not fit';
}

async function readFileCheckpoint(
  directory: string,
  owner: CheckpointOwner,
  plan: ReadPlan,
  onNotice: (notice: string) => void,
): Promise<Checkpoint | 'ofAnother' | 'damaged' | undefined> {
  try {
    const found = await readJson(fileIn(directory), fileSchema);
    if (found === undefined) return undefined;
    const checkpoint =
      found.checksum === checksumOf(found.text)
        ? body.safeParse(JSON.parse(found.text)).data
        : undefined;
    const isOfAnother = checkpoint === undefined ? undefined : foreign(checkpoint, owner);
    const because =
      checkpoint === undefined ? 'it is damaged' : (isOfAnother ?? unfit(checkpoint, plan));
    if (because === undefined) return checkpoint;
    onNotice(`the checkpoint of this destination is not used: ${because}`);
    return isOfAnother === undefined ? 'damaged' : 'ofAnother';
  } catch (error) {
    if (!(error instanceof DrayError)) throw error;
    onNotice(`the checkpoint of this destination is not used: ${error.message}`);
    return 'damaged';
  }
}

/**
 * What a copy can go on from: the host's file, else the progress of the last heartbeat (the file
 * was lost), else nothing. One that is damaged or of another copy is not used, and
 * `onNotice` gets the reason.
 */
export async function loadCheckpoint(
  directory: string,
  owner: CheckpointOwner,
  plan: ReadPlan,
  heartbeat: unknown,
  onNotice: (notice: string) => void,
): Promise<Checkpoint> {
  const found = await readFileCheckpoint(directory, owner, plan, onNotice);
  if (typeof found === 'object') return found;
  const everything = [{ offset: 0, length: plan.bytesTotal }];
  // What this copy has written before, and nobody knows any more, may be anywhere.
  const isTouched = found === 'damaged' || owner.mayHaveWritten === true;
  const fresh = { ...begin(owner, plan), touched: isTouched ? everything : [] };
  if (heartbeat === undefined || heartbeat === null) return fresh;
  const parsed = heartbeatSchema.safeParse(heartbeat);
  const because = parsed.success ? unfit(parsed.data, plan) : z.prettifyError(parsed.error);
  if (!parsed.success || because !== undefined) {
    onNotice(`the last heartbeat is not used, the copy starts anew: ${because}`);
    return { ...fresh, touched: everything };
  }
  const { flushed, unreadable, attempt, settled } = parsed.data;
  onNotice(`goes on from the last heartbeat, ${sumBytes(flushed)} bytes flushed`);
  // How far the range in progress came is not known here: it counts as moved in full.
  const counts = countsIn(parsed.data);
  const known = { ...fresh, flushed, unreadable, attempts: attempt, counts };
  if (settled !== undefined) {
    const { seconds, touched, ...rest } = settled;
    const startedAt = Math.round(fresh.startedAt - seconds * 1000);
    return { ...known, ...rest, startedAt, touched: touched.reduce(addRange, fresh.touched) };
  }
  const running = attempt > 0 ? windowFrom(flushed, plan.bytesTotal, plan.rangeBytes) : undefined;
  return { ...known, touched: everything, ...(running === undefined ? {} : { running }) };
}

/** What became of each chunk, as a heartbeat tells it; undefined where it does not. */
export function chunkStatesIn(
  heartbeat: unknown,
  onNotice: (notice: string) => void,
): Uint8Array | undefined {
  const { chunkStates } = heartbeatSchema.safeParse(heartbeat).data ?? {};
  if (chunkStates === undefined) return undefined;
  const states = readChunkStates(chunkStates);
  if (!('because' in states)) return states;
  onNotice(`what the last heartbeat says of chunks is not used: ${states.because}`);
  return undefined;
}

/** @throws StateUnwritable, StorageFull */
export async function saveCheckpoint(directory: string, checkpoint: Checkpoint): Promise<void> {
  const text = JSON.stringify(checkpoint);
  await writeAtomic(fileIn(directory), JSON.stringify({ checksum: checksumOf(text), text }));
}
