import type { Device, DeviceIdentity } from './attachment.ts';
import type { Certificate } from './certificate.ts';
import type { TimeLimits } from './limits.ts';
import type { Role, VolumeRef } from './volume.ts';

/**
 * Which program moves the bytes: GNU dd, one of our own with several lanes at once, or plain file
 * reads and writes where dd cannot open.
 */
export const ENGINES = ['dd', 'direct', 'file'] as const;
export type EngineName = (typeof ENGINES)[number];

/** Best effort by the I/O scheduler (ionice(1)): 1 realtime, 2 best effort, 3 idle. */
export type IoPriority = { class: 1 | 2 | 3; level?: number };

/** How a copy is done; what is left out has the default in its comment. */
export type CopyOptions = {
  /** Default `auto`: what the ends can do decides. */
  engine?: EngineName | 'auto';
  /** Bytes of one request, as text in dd's own notation, for example `1M` (the default). */
  blockSize?: string;
  /** Default: the host's configuration, else unlimited. */
  bytesPerSecond?: number;
  /** Default: the host's configuration, else the worker's own priority. */
  ionice?: IoPriority;
  /** Default `full`. */
  verify?: VerifyMode;
  /** Default `fail`; anything else only with lanes. */
  onReadError?: OnReadError;
};

/**
 * What is done where the source cannot be read. `retry-smaller`: it is read in smaller pieces, down
 * to 4 KiB, before the copy fails. `record`: what cannot be read even so becomes zeros on the
 * destination and is listed in the result.
 */
export const ON_READ_ERROR = ['fail', 'retry-smaller', 'record'] as const;
export type OnReadError = (typeof ON_READ_ERROR)[number];

/**
 * What is proven after the copy. `written`: the destination holds what was read from the source
 * while it was copied. `full`: and the source, read once more, still does.
 */
export const VERIFY_MODES = ['off', 'written', 'full'] as const;
export type VerifyMode = (typeof VERIFY_MODES)[number];

/** The argument of the workflow `copyVolume`. */
export type CopyInput = {
  source: VolumeRef;
  destination: VolumeRef;
  /** Host id of the mover that attaches both and copies. */
  host: string;
  /** Hosts to go on with by itself, in this order, when a host is lost. Default: a person decides. */
  standby?: string[];
  options: CopyOptions;
  limits: TimeLimits;
};

/** Consecutive bytes given to one engine run. Unit: bytes. */
export type ByteRange = { offset: number; length: number };

/** A choice and why it was made, for the report. */
export type Reasoned<T> = { value: T; because: string };

/** Lanes at a time, and bytes of one request of each. */
export type LaneSetting = { lanes: number; requestBytes: number };

/** What planCopy found out and decided; a resume of the same copy keeps it. */
export type CopyPlan = {
  /** Run of the workflow in which it was made: one that was reset has it from the run before. */
  runId?: string;
  engine: Reasoned<EngineName>;
  /** Exactly this many bytes are copied: the source's. */
  bytesTotal: number;
  /** Bytes of one request; lanes keep to it only where it was asked for, see `minRequestBytes`. */
  blockBytes: number;
  /** The most bytes that are in doubt at any time, and so the most that is copied again. */
  rangeBytes: number;
  /** Bytes that one lane works on at a time, and that have one digest; the same grid for all. */
  chunkBytes: number;
  /** Most lanes of the engine `direct` and of verify. */
  maxLanes: Reasoned<number>;
  /** Bytes of the shortest and of the longest request of the engine `direct`. */
  minRequestBytes: number;
  maxRequestBytes: Reasoned<number>;
  /** O_DIRECT on each side, as probed. */
  sourceDirect: Reasoned<boolean>;
  destinationDirect: Reasoned<boolean>;
  /** Holes of the source are known by its file and not read. */
  extents: Reasoned<boolean>;
  zeros: Reasoned<ZeroHandling>;
  /** Default `fail`. */
  onReadError?: OnReadError;
  /** Left out by the benchmark alone, to measure what they cost. */
  digests?: false;
  throttle: Reasoned<ThrottleKind>;
  bytesPerSecond?: number;
  ionice?: IoPriority;
};

/**
 * What becomes of zeros on the destination. `skip`: left out, where it is known to read as zeros.
 * `discard`: made by the destination itself, which then reads as zeros for certain. `write`: written.
 */
export type ZeroHandling = 'skip' | 'discard' | 'write';

/**
 * What became of the bytes that were flushed, each time they were. Written, skipped and zeroed add
 * up to them; holes of the source are not read.
 */
export type ByteCounts = {
  bytesRead: number;
  bytesWritten: number;
  /** Zeros that were left out. */
  bytesSkipped: number;
  /** Zeros that the destination made by itself. */
  bytesZeroed: number;
};

/** How a bandwidth limit is kept; `paced` needs nothing of the host. */
export type ThrottleKind = 'none' | 'cgroup-v1' | 'cgroup-v2' | 'paced';

/** A copier's ends on one host. */
export type CopyEnds = { source: Device; destination: Device };

/**
 * Heartbeat of copyData, of the engine `direct` with its lanes' setting. Percent, ETA and resume use
 * `bytesFlushed` alone.
 */
export type CopyProgress = {
  bytesFlushed: number;
  /** Handed to the device, not yet known to be on it. */
  bytesSubmitted: number;
  bytesTotal: number;
  bytesPerSecond: number;
  /** The limit in force, if there is one. Unit: bytes a second. */
  limit?: number;
  attempt: number;
  /** Pid of the program that moves the bytes, absent between two ranges. */
  copierPid?: number;
  /** Ranges known to be flushed, merged. */
  flushed: ByteRange[];
  /** Where the source cannot be read and the destination has zeros instead, merged. */
  unreadable: ByteRange[];
  /** Root of the hash tree over the digests of all chunks, see ChunkMap; hexadecimal. */
  digestsRoot: string;
  /** As that of CopyResult, at most a second old: what another host goes on from. */
  chunkStates: string;
  /** Only where nothing is in doubt: whoever goes on from here copies nothing twice. */
  settled?: Settled;
} & Partial<LaneSetting> &
  Partial<ByteCounts>;

/** What is known of the copy up to a pause. */
export type Settled = {
  /** Since its first attempt began, without earlier pauses. */
  seconds: number;
  bytesCopiedAgain: number;
  bytesRepaired: number;
  /** Where something may have been written that is not the source's. */
  touched: ByteRange[];
};

/** What copyData answers when it was paused before its end. */
export type PausedCopy = { paused: true; progress: CopyProgress };

/** What became of a chunk; `skipped`: all its zeros were left out, `zeroed`: made without writes. */
export const CHUNK_STATES = ['missing', 'copied', 'skipped', 'zeroed', 'unreadable'] as const;
export type ChunkState = (typeof CHUNK_STATES)[number];
/** In a byte of `chunkStates`, beside the state's place in CHUNK_STATES: it was copied again. */
export const CHUNK_REPEATED = 0x10;

/** Bytes known to be flushed, so many milliseconds after the first attempt began. */
export type CurvePoint = [milliseconds: number, bytesFlushed: number];

/**
 * Result of copyData; with what the lanes of the engine `direct` settled on. A count that is missing
 * is one that an engine could not make.
 */
export type CopyResult = {
  bytes: number;
  seconds: number;
  mbPerSecond: number;
  attempts: number;
  /** Bytes that a later attempt moved once more because their flush was not recorded. */
  bytesCopiedAgain: number;
  /** Bytes that were copied once more because verify found them to differ. */
  bytesRepaired: number;
  /** A byte a chunk, see CHUNK_STATES and CHUNK_REPEATED: deflated (RFC 1951), in base64. */
  chunkStates: string;
  /** As that of VerifyResult; empty where a chunk has no digest yet. */
  digestsRoot: string;
  /** Through every attempt, oldest first, at most CURVE_POINTS of them. */
  curve: CurvePoint[];
  /** Where the source could not be read and the destination has zeros instead, merged. */
  unreadable: ByteRange[];
} & Partial<LaneSetting> &
  Partial<ByteCounts>;

/** Heartbeat of verifyCopy; the host's checkpoint knows which bytes. */
export type VerifyProgress = {
  bytesCompared: number;
  bytesTotal: number;
  bytesPerSecond: number;
  /** Of all ends, in this attempt, also of chunks that are not compared yet. */
  bytesRead: number;
  /** The limit in force, if there is one. Unit: bytes a second, of each end. */
  limit?: number;
};

export type VerifyResult = {
  mode: VerifyMode;
  bytesCompared: number;
  seconds: number;
  /** Bytes whose digest was taken from the source after they were copied, for want of another. */
  bytesDigestedLate: number;
  /** Bytes of which the source was to be read again and cannot be: what was written is compared. */
  bytesUnreadable?: number;
  /** Root of the hash tree over the digests of all chunks, see ChunkMap; empty where one is missing. */
  digestsRoot: string;
  /** A person decided to go without, for a reason, and because of what verify failed with. */
  skipped?: { reason: string; because: string };
} & Partial<LaneSetting>;

/** An acquisition that could not be released safely and is listed until it is. */
export type Held = { attachmentId: string; volume: VolumeRef; what: string; because: string };

/**
 * A host that was gone while something waited for it. What it still has of the attachments it gives
 * up by itself when it is back.
 */
export type LostHost = {
  host: string;
  /** ISO 8601. */
  at: string;
  /** How it was noticed, in words. */
  because: string;
  /** Ids of the attachments that it may have something of. */
  attachments: string[];
  /** Volumes, `backend:id`, to which its access was taken away, as their backends have proven. */
  cutOff: string[];
  /** Where the work went on. */
  next?: string;
};

/** How a copy ended; the workflow's result. */
export type CopyReport = {
  source: VolumeRef;
  destination: VolumeRef;
  host: string;
  plan: CopyPlan;
  copied: CopyResult;
  verified: VerifyResult;
  /** What both devices said they are, before the copy. */
  devices: Record<Role, DeviceIdentity>;
  held: Held[];
  /** Absent where none was. */
  lost?: LostHost[];
  certificate?: Certificate;
  /** Why there is no certificate, in words. */
  uncertified?: string;
};
