import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { DrayError } from '../contract/errors.ts';
import type { CertifiedBytes } from '../contract/verify.ts';
import { keysDirectory } from '../system/config/keys.ts';
import type { Config } from '../system/config/schema.ts';
import { findSigningKey, verifyCertificate } from '../system/config/signing.ts';

/** What `dray report --json` prints where there is no certificate. */
const withoutCertificate = z.object({ error: z.object({ message: z.string() }) });

async function readDocument(file: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(file, 'utf8'));
  } catch (error) {
    const because = `"${file}" names no volume, and as a file: ${(error as Error).message}`;
    throw new DrayError('CertificateUnusable', { because }, { cause: error });
  }
}

/**
 * What a certificate of `dray report --json` says of the bytes, once its signature was looked at.
 * @throws CertificateUnusable, CertificateInvalid, StateDamaged
 */
export async function readCertificate(config: Config, file: string): Promise<CertifiedBytes> {
  const document = await readDocument(file);
  const instead = withoutCertificate.safeParse(document);
  if (instead.success) {
    const because = `"${file}" says instead: ${instead.data.error.message}`;
    throw new DrayError('CertificateUnusable', { because });
  }
  const { certified, keyId, publicKey } = verifyCertificate(document);
  const { chunkBytes, digestsRoot } = certified.chunks;
  if (digestsRoot === '') {
    throw new DrayError('CertificateUnusable', {
      because: 'the copy took no digests of all bytes',
    });
  }
  const own = await findSigningKey(keysDirectory(config));
  const isOwn = own?.publicKey === publicKey;
  return { bytesTotal: certified.bytes.total, chunkBytes, digestsRoot, signer: { keyId, isOwn } };
}
