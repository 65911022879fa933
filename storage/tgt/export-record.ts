import { createHash, randomBytes } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { AccessMode, Sealed } from '../../contract/attachment.ts';
import { DrayError } from '../../contract/errors.ts';
import { readJson, removeDurably, renameDurably, writeAtomic } from '../../system/atomic-file.ts';
import { seal, unseal } from '../../system/seal.ts';
import { openDirectory } from '../volume-root/directory.ts';

/**
 * All that is needed to make an export again. `access` says what the host may do now:
 * `none` before it was let in, `granted`, `closed` after terminateConnection (the account may
 * still have to be removed), `revoked` for good.
 */
export type ExportRecord = {
  attachmentId: string;
  volumeId: string;
  path: string;
  serial: string;
  accessMode: AccessMode;
  access: Access;
};

export type Credentials = { initiator: string; user: string; secret: Sealed };
export type Access =
  | { state: 'none' }
  | ({ state: 'granted' } & Credentials)
  | { state: 'closed' | 'revoked'; user?: string };

type LiveAccess = Extract<Access, { state: 'none' | 'granted' }>;

const recordSchema: z.ZodType<ExportRecord & { access: LiveAccess }> = z.object({
  attachmentId: z.string(),
  volumeId: z.string(),
  path: z.string(),
  serial: z.string(),
  accessMode: z.enum(['ro', 'rw']),
  access: z.discriminatedUnion('state', [
    z.object({ state: z.literal('none') }),
    z.object({
      state: z.literal('granted'),
      initiator: z.string(),
      user: z.string(),
      secret: z.object({ sealed: z.string(), keyId: z.string() }),
    }),
  ]),
});

/** SCSI serial of a volume: VPD page 0x80 of tgt holds at most 36 characters. */
export function volumeSerial(rootUuid: string, volumeId: string): string {
  return createHash('sha256').update(`${rootUuid}/${volumeId}`).digest('hex').slice(0, 32);
}

const contextOf = (attachmentId: string): string => `${attachmentId}/export`;

/** Accounts are tgtd's, not a target's: this is how ours are told from others'. */
export const OWN_ACCOUNT = /^dray-[0-9a-f]{16}$/;

/** Credentials for one attachment and never another. @throws KeyMissing */
export async function makeCredentials(
  keys: string,
  attachmentId: string,
  initiator: string,
): Promise<Credentials> {
  const user = `dray-${randomBytes(8).toString('hex')}`;
  // 128 bits; RFC 7143, 12.1.3 asks for more than 96.
  const secret = randomBytes(16).toString('hex');
  return { initiator, user, secret: await seal(keys, secret, contextOf(attachmentId)) };
}

/** @throws KeyMissing, SealBroken */
export async function openSecret(
  keys: string,
  attachmentId: string,
  secret: Sealed,
): Promise<string> {
  return z.string().parse(await unseal(keys, secret, contextOf(attachmentId)));
}

/** Longest that leaves room for a temporary file's name in 255 bytes. */
const ATTACHMENT_ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,199}$/;

/**
 * Of an export's file. That its access has ended shows in the file's name, since a rename needs no
 * space: a full disk must not keep anybody's access open.
 */
const NAMES = { live: '.json', closed: '.closed.json', revoked: '.revoked.json' } as const;

/** One file an export. */
export class ExportRecords {
  constructor(readonly directory: string) {}

  #fileOf(attachmentId: string, name: keyof typeof NAMES): string {
    if (!ATTACHMENT_ID.test(attachmentId)) {
      throw new DrayError('Unexpected', { because: `"${attachmentId}" is no attachment id` });
    }
    return join(this.directory, `${attachmentId}${NAMES[name]}`);
  }

  async open(): Promise<void> {
    await openDirectory(this.directory);
  }

  /** What was revoked stays so; what was let in again has not been closed. @throws StateDamaged */
  async read(attachmentId: string): Promise<ExportRecord | undefined> {
    for (const name of ['revoked', 'live', 'closed'] as const) {
      const record = await readJson(this.#fileOf(attachmentId, name), recordSchema);
      if (record === undefined) continue;
      if (name === 'live') return record;
      const user = record.access.state === 'granted' ? { user: record.access.user } : {};
      return { ...record, access: { state: name, ...user } };
    }
    return undefined;
  }

  async write(record: ExportRecord & { access: LiveAccess }): Promise<void> {
    await writeAtomic(this.#fileOf(record.attachmentId, 'live'), JSON.stringify(record));
    await removeDurably(this.#fileOf(record.attachmentId, 'closed'));
  }

  /** Needs no space. */
  async end(attachmentId: string, state: 'closed' | 'revoked'): Promise<void> {
    const to = this.#fileOf(attachmentId, state);
    if (await renameDurably(this.#fileOf(attachmentId, 'live'), to)) return;
    if (state === 'revoked') await renameDurably(this.#fileOf(attachmentId, 'closed'), to);
  }

  /** Answers whether it was there. */
  async remove(attachmentId: string): Promise<boolean> {
    let found = false;
    for (const name of ['live', 'closed', 'revoked'] as const) {
      const removed = await removeDurably(this.#fileOf(attachmentId, name));
      found ||= removed;
    }
    return found;
  }

  /** Attachment ids that have a record. */
  async list(): Promise<string[]> {
    const ids = (await readdir(this.directory)).flatMap(
      (name) => /^(.+?)(?:\.closed|\.revoked)?\.json$/.exec(name)?.[1] ?? [],
    );
    return [...new Set(ids)];
  }
}
