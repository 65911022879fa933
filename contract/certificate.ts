import { z } from 'zod';

const bytes = z.int().min(0);
const count = z.int().min(0);
/** ISO 8601. */
const time = z.iso.datetime();

/** A volume as the host proved it to be, by what the device itself says. */
const provenVolume = z.object({
  /** `backend:id`. */
  volume: z.string(),
  sizeBytes: bytes,
  serial: z.string(),
});

/** What became of one step that takes something back. */
const undoProof = z.object({
  /** For example `source.removeExport`. */
  step: z.string(),
  /** The volume or host it was done to. */
  about: z.string(),
  /** `skipped`: not tried, or no longer needed; `held`: not released. Both say why. */
  outcome: z.enum(['done', 'alreadyGone', 'skipped', 'held']),
  because: z.string().optional(),
  at: time,
});

const certified = z.object({
  format: z.literal('drayage-certificate'),
  version: z.literal(1),
  copy: z.object({
    /** The same for every attempt, reset and host of one copy. */
    id: z.string(),
    namespace: z.string(),
    workflowId: z.string(),
    runId: z.string(),
  }),
  /** The mover, and who signed. */
  host: z.string(),
  source: provenVolume,
  destination: provenVolume,
  /** Every choice with its reason, as planCopy made it. */
  plan: z.record(z.string(), z.json()),
  /** What the copy's own program counted; one that is missing was not counted by that engine. */
  bytes: z.object({
    total: bytes,
    read: bytes.optional(),
    written: bytes.optional(),
    skipped: bytes.optional(),
    zeroed: bytes.optional(),
  }),
  chunks: z.object({
    chunkBytes: z.int().min(1),
    /** Root of the hash tree over the chunks' SHA-256 digests, hexadecimal; empty: none. */
    digestsRoot: z.string(),
    /** Bytes whose digest was taken from the source only after they were copied. */
    bytesDigestedLate: bytes,
    /** What became of each chunk, as CopyResult has it. */
    states: z.string(),
  }),
  /** What the lanes of engine `direct` settled on. */
  settled: z.object({ lanes: count.optional(), requestBytes: bytes.optional() }),
  unreadable: z.array(z.object({ offset: bytes, length: bytes })),
  verification: z.object({
    mode: z.enum(['off', 'written', 'full']),
    /** What was read again and what was not. */
    statement: z.string(),
    bytesCompared: bytes,
    milliseconds: count,
  }),
  retries: z.object({
    attempts: count,
    bytesCopiedAgain: bytes,
    /** Copied once more because verify found them to differ. */
    bytesRepaired: bytes,
  }),
  /** Limits and pauses that people asked for while it ran; each says what held from then on. */
  controlChanges: z.array(
    z.object({
      at: time,
      control: z.object({
        version: count,
        paused: z.boolean(),
        limit: z.union([bytes, z.literal('unlimited')]).optional(),
      }),
      /** With a pause: both volumes were to be detached. */
      release: z.literal(true).optional(),
      /** With a resume: the host on which it was to go on. */
      host: z.string().optional(),
      reason: z.string().optional(),
    }),
  ),
  /** Steps that waited for a person, and what the person decided. */
  decisions: z.array(
    z.object({
      step: z.string(),
      decision: z.string(),
      reason: z.string(),
      /** What the step had failed with. */
      because: z.string(),
      at: time,
      /** For `move`. */
      host: z.string().optional(),
      /** For `force`: the person stated that the host was powered off. */
      hostIsOff: z.boolean().optional(),
    }),
  ),
  undo: z.array(undoProof),
  /** What could not be released, by decision. */
  held: z.array(z.object({ volume: z.string(), what: z.string(), because: z.string() })),
  times: z.object({
    startedAt: time,
    /** When each phase of the workflow began. */
    phases: z.array(z.object({ phase: z.string(), at: time })),
    copyMilliseconds: count,
    releasedAt: time,
  }),
});

const hex = (digits: number) => z.string().regex(new RegExp(`^[0-9a-f]{${digits}}$`));

/** How a signed certificate stands in a file and in the result of a copy. */
export const certificateSchema = z.object({
  certified,
  /** Ed25519: first 16 digits of the public key's SHA-256, the key, the signature; hexadecimal. */
  keyId: hex(16),
  publicKey: hex(64),
  signature: hex(128),
});

/** What a copy's certificate says. */
export type Certified = z.infer<typeof certified>;
export type UndoProof = z.infer<typeof undoProof>;

/** The signature is over the canonical JSON (RFC 8785) of `certified`, in UTF-8. */
export type Certificate = z.infer<typeof certificateSchema>;
