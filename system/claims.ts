import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { Attachment, Device, SealedConnectionInfo } from '../contract/attachment.ts';
import { readJson, removeDurably, writeAtomic } from './atomic-file.ts';

/**
 * What a host writes down before it connects a volume and removes after it has disconnected it.
 * A claim without a live owner is a leak, and enough to release it.
 */
export type Claim = {
  attachment: Attachment;
  info: SealedConnectionInfo;
  /** Missing until connectVolume has answered. */
  device?: Device;
};

const volume = z.object({ backend: z.string(), id: z.string() });
const accessMode = z.enum(['ro', 'rw']);
const sealed = z.object({ sealed: z.string(), keyId: z.string() });

export const attachmentSchema = z.object({
  id: z.string(),
  volume,
  role: z.enum(['source', 'destination']),
  accessMode,
  owner: z.object({
    namespace: z.string(),
    workflowId: z.string(),
    firstRunId: z.string(),
    hostId: z.string(),
    destination: volume,
  }),
  exported: z
    .object({
      name: z.string(),
      serial: z.string().exactOptional(),
      sizeBytes: z.number(),
      readsAsZeros: z.boolean(),
      reservation: z.string(),
    })
    .exactOptional(),
});

const claimSchema = z.object({
  attachment: attachmentSchema,
  info: z.object({
    driverVolumeType: z.enum(['local', 'iscsi']),
    data: z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), sealed])),
  }),
  device: z.object({ path: z.string(), sizeBytes: z.number(), accessMode }).exactOptional(),
});

const fileOf = (directory: string, attachmentId: string): string =>
  join(directory, `${attachmentId}.json`);

/** @throws StateUnwritable, StorageFull */
export async function writeClaim(directory: string, claim: Claim): Promise<void> {
  await writeAtomic(fileOf(directory, claim.attachment.id), JSON.stringify(claim));
}

/** @throws StateDamaged */
export async function readClaim(
  directory: string,
  attachmentId: string,
): Promise<Claim | undefined> {
  return readJson(fileOf(directory, attachmentId), claimSchema);
}

export async function removeClaim(directory: string, attachmentId: string): Promise<void> {
  await removeDurably(fileOf(directory, attachmentId));
}

/** Every claim that can be read; `onDamaged` is told of the others. */
export async function listClaims(
  directory: string,
  onDamaged: (file: string, error: unknown) => void,
): Promise<Claim[]> {
  const names = (await readdir(directory)).filter((name) => name.endsWith('.json'));
  const claims: Claim[] = [];
  for (const name of names) {
    try {
      const claim = await readJson(join(directory, name), claimSchema);
      if (claim !== undefined) claims.push(claim);
    } catch (error) {
      onDamaged(name, error);
    }
  }
  return claims;
}
