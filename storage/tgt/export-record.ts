import { createHash, randomBytes } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { AccessMode, Sealed } from '../../contract/attachment.ts';
import { DrayError } from '../../contract/errors.ts';
import { readJson, removeDurably, writeAtomic } from '../../system/atomic-file.ts';
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

const recordSchema: z.ZodType<ExportRecord> = z.object({
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
    z.object({ state: z.enum(['closed', 'revoked']), user: z.string().exactOptional() }),
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

/** One file an export. */
export class ExportRecords {
  constructor(readonly directory: string) {}

  #fileOf(attachmentId: string): string {
    if (!ATTACHMENT_ID.test(attachmentId)) {
      throw new DrayError('Unexpected', { because: `"${attachmentId}" is no attachment id` });
    }
    return join(this.directory, `${attachmentId}.json`);
  }

  async open(): Promise<void> {
    await openDirectory(this.directory);
  }

  /** @throws StateDamaged */
  async read(attachmentId: string): Promise<ExportRecord | undefined> {
    return readJson(this.#fileOf(attachmentId), recordSchema);
  }

  async write(record: ExportRecord): Promise<void> {
    await writeAtomic(this.#fileOf(record.attachmentId), JSON.stringify(record));
  }

  /** Answers whether it was there. */
  async remove(attachmentId: string): Promise<boolean> {
    return removeDurably(this.#fileOf(attachmentId));
  }

  /** Attachment ids that have a record. */
  async list(): Promise<string[]> {
    const names = (await readdir(this.directory)).filter((name) => name.endsWith('.json'));
    return names.map((name) => name.slice(0, -'.json'.length));
  }
}
