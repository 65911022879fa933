import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import type { ConnectionInfo, Sealed, SealedConnectionInfo } from '../contract/attachment.ts';
import { DrayError } from '../contract/errors.ts';
import { currentKey, readKey } from './config/keys.ts';

/** Fields that stay readable in the Temporal UI; every other one is sealed. */
const OPEN_FIELDS = new Set([
  'target_portal',
  'target_iqn',
  'target_lun',
  'auth_method',
  'access_mode',
  'encrypted',
  'device_path',
]);

const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** Seals one value with the current key; `context` binds it to its place. @throws KeyMissing */
export async function seal(keys: string, value: unknown, context: string): Promise<Sealed> {
  const key = await currentKey(keys);
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', key.bytes, nonce).setAAD(Buffer.from(context));
  const text = Buffer.concat([cipher.update(JSON.stringify(value), 'utf8'), cipher.final()]);
  const sealed = Buffer.concat([nonce, text, cipher.getAuthTag()]).toString('base64');
  return { sealed, keyId: key.id };
}

/** @throws KeyMissing, SealBroken */
export async function unseal(keys: string, value: Sealed, context: string): Promise<unknown> {
  const key = await readKey(keys, value.keyId);
  const bytes = Buffer.from(value.sealed, 'base64');
  try {
    const decipher = createDecipheriv('aes-256-gcm', key.bytes, bytes.subarray(0, NONCE_BYTES))
      .setAAD(Buffer.from(context))
      .setAuthTag(bytes.subarray(-TAG_BYTES));
    const text = bytes.subarray(NONCE_BYTES, -TAG_BYTES);
    const opened = Buffer.concat([decipher.update(text), decipher.final()]).toString('utf8');
    return JSON.parse(opened) as unknown;
  } catch (error) {
    throw new DrayError('SealBroken', { keyId: value.keyId }, { cause: error });
  }
}

function isSealed(value: unknown): value is Sealed {
  return typeof value === 'object' && value !== null && 'sealed' in value && 'keyId' in value;
}

const contextOf = (attachmentId: string, field: string): string => `${attachmentId}/${field}`;

/** Seals connection info field by field for one attachment. @throws KeyMissing */
export async function sealConnection(
  keys: string,
  attachmentId: string,
  info: ConnectionInfo,
): Promise<SealedConnectionInfo> {
  const fields = await Promise.all(
    Object.entries(info.data).map(async ([name, value]: [string, string | number | boolean]) => [
      name,
      OPEN_FIELDS.has(name) ? value : await seal(keys, value, contextOf(attachmentId, name)),
    ]),
  );
  return {
    driverVolumeType: info.driverVolumeType,
    data: Object.fromEntries(fields) as SealedConnectionInfo['data'],
  };
}

/** @throws KeyMissing, SealBroken */
export async function unsealConnection(
  keys: string,
  attachmentId: string,
  info: SealedConnectionInfo,
): Promise<ConnectionInfo> {
  const fields = await Promise.all(
    Object.entries(info.data).map(async ([name, value]) => [
      name,
      isSealed(value) ? await unseal(keys, value, contextOf(attachmentId, name)) : value,
    ]),
  );
  return {
    driverVolumeType: info.driverVolumeType,
    data: Object.fromEntries(fields) as unknown,
  } as ConnectionInfo;
}
