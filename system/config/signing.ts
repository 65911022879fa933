import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
  verify,
} from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { canonicalJson } from '../../contract/canonical-json.ts';
import { type Certificate, certificateSchema, type Certified } from '../../contract/certificate.ts';
import { DrayError } from '../../contract/errors.ts';
import { createExclusive, errnoOf } from '../atomic-file.ts';

/** The host's Ed25519 key for certificates; only its public half ever leaves the host. */
export type SigningKey = { id: string; publicKey: string; privateKey: KeyObject };

const fileIn = (directory: string): string => join(directory, 'signing.pem');

const idOf = (publicKey: string): string =>
  createHash('sha256').update(publicKey, 'hex').digest('hex').slice(0, 16);

function fromPem(pem: string): SigningKey {
  const privateKey = createPrivateKey(pem);
  if (privateKey.asymmetricKeyType !== 'ed25519') throw new Error('it is not an Ed25519 key');
  const { x = '' } = createPublicKey(privateKey).export({ format: 'jwk' });
  const publicKey = Buffer.from(x, 'base64url').toString('hex');
  return { id: idOf(publicKey), publicKey, privateKey };
}

function publicKeyOf(hex: string): KeyObject {
  const x = Buffer.from(hex, 'hex').toString('base64url');
  return createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' });
}

/** The public half as SPKI PEM, which openssl reads. */
export function publicPem({ publicKey }: Pick<SigningKey, 'publicKey'>): string {
  return publicKeyOf(publicKey).export({ type: 'spki', format: 'pem' }).toString().trimEnd();
}

/** The key of this host; undefined before its first use. @throws StateDamaged */
export async function findSigningKey(directory: string): Promise<SigningKey | undefined> {
  const path = fileIn(directory);
  try {
    return fromPem(await readFile(path, 'utf8'));
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw new DrayError('StateDamaged', { path, because: (error as Error).message });
  }
}

/**
 * The key of this host, made on its first use: unlike a sealing key it need not be anywhere else.
 * @throws StateDamaged, StateUnwritable, StorageFull
 */
export async function signingKey(directory: string): Promise<SigningKey> {
  const found = await findSigningKey(directory);
  if (found !== undefined) return found;
  const pem = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' });
  await mkdir(directory, { recursive: true, mode: 0o700 });
  await createExclusive(fileIn(directory), pem.toString(), 0o600);
  // Somebody else's, where two were made at once.
  const made = await findSigningKey(directory);
  if (made !== undefined) return made;
  throw new DrayError('StateDamaged', { path: fileIn(directory), because: 'it was removed' });
}

const signedBytes = (certified: unknown): Buffer => Buffer.from(canonicalJson(certified), 'utf8');

export function signCertificate(key: SigningKey, certified: Certified): Certificate {
  const signature = sign(null, signedBytes(certified), key.privateKey).toString('hex');
  return { certified, keyId: key.id, publicKey: key.publicKey, signature };
}

/**
 * A certificate that says what was signed with the key it carries. Whose key that is it cannot
 * prove: compare it with `dray key export --public` of the mover. @throws CertificateInvalid
 */
export function verifyCertificate(document: unknown): Certificate {
  const invalid = (because: string): DrayError => new DrayError('CertificateInvalid', { because });
  const parsed = certificateSchema.safeParse(document);
  if (!parsed.success) throw invalid(z.prettifyError(parsed.error));
  const { keyId, publicKey, signature } = parsed.data;
  if (keyId !== idOf(publicKey)) throw invalid(`key ${keyId} is not the one it carries`);
  // What was signed, fields of a later version among them, and not what the schema knows of it.
  const certificate = document as Certificate;
  const bytes = signedBytes(certificate.certified);
  const isSigned = verify(null, bytes, publicKeyOf(publicKey), Buffer.from(signature, 'hex'));
  if (!isSigned) throw invalid('it was changed, or signed with another key');
  return certificate;
}
