import { createPublicKey, verify } from 'node:crypto';
import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { canonicalJson } from '../../contract/canonical-json.ts';
import type { Certificate } from '../../contract/certificate.ts';
import {
  findSigningKey,
  publicPem,
  signCertificate,
  signingKey,
  verifyCertificate,
} from '../../system/config/signing.ts';
import { certifiedCopy } from '../rig/certified-copy.ts';

let keys: string;
beforeEach(async () => {
  keys = await mkdtemp(join(tmpdir(), 'dray-signing-'));
});
afterEach(() => rm(keys, { recursive: true }));

const invalid = expect.objectContaining({ code: 'CertificateInvalid' }) as unknown;
const signed = async (): Promise<Certificate> =>
  signCertificate(await signingKey(keys), certifiedCopy());

describe('the signing key', () => {
  it('is made on first use, once, and readable by its owner alone', async () => {
    expect(await findSigningKey(keys)).toBeUndefined();
    const made = await Promise.all(Array.from({ length: 4 }, () => signingKey(keys)));
    expect(new Set(made.map(({ publicKey }) => publicKey)).size).toBe(1);
    const [file] = await readdir(keys);
    expect((await stat(join(keys, file!))).mode & 0o777).toBe(0o600);
    expect((await findSigningKey(keys))?.id).toBe(made[0]!.id);
  });

  it('that is damaged is told, and never replaced', async () => {
    await writeFile(join(keys, 'signing.pem'), 'nonsense');
    await expect(signingKey(keys)).rejects.toMatchObject({ code: 'StateDamaged' });
  });
});

describe('a certificate', () => {
  it('is valid in whatever order and layout its JSON is written', async () => {
    const certificate = await signed();
    const { certified, ...rest } = certificate;
    const turned = Object.fromEntries(Object.entries(certified).reverse());
    const text = JSON.stringify({ certified: turned, ...rest }, undefined, 4);
    expect(verifyCertificate(JSON.parse(text)).certified).toEqual(certified);
  });

  it('can be checked by whoever has the public key, with nothing of ours', async () => {
    const certificate = await signed();
    const bytes = Buffer.from(canonicalJson(certificate.certified));
    const key = createPublicKey(publicPem(certificate));
    expect(verify(null, bytes, key, Buffer.from(certificate.signature, 'hex'))).toBe(true);
  });

  it('is refused with any byte of it changed', async () => {
    const bytes = Buffer.from(JSON.stringify(await signed()));
    for (let at = 0; at < bytes.length; at += 1) {
      const changed = Buffer.from(bytes);
      changed[at]! ^= 1 << (at % 7);
      let document: unknown;
      try {
        document = JSON.parse(changed.toString('utf8'));
      } catch {
        continue;
      }
      expect(() => verifyCertificate(document), `byte ${at}`).toThrow(invalid);
    }
  });

  it('is refused under another key, in each way of writing that key in', async () => {
    const certificate = await signed();
    const { certified } = certificate;
    const elsewhere = await mkdtemp(join(tmpdir(), 'dray-signing-'));
    const other = signCertificate(await signingKey(elsewhere), certified);
    await rm(elsewhere, { recursive: true });
    const { keyId, publicKey, signature } = other;
    for (const change of [
      { signature },
      { publicKey },
      { keyId },
      { keyId, publicKey },
      { publicKey, signature },
    ]) {
      const forged = { ...certificate, ...change };
      expect(() => verifyCertificate(forged), JSON.stringify(change)).toThrow(invalid);
    }
    expect(verifyCertificate(other).keyId).not.toBe(certificate.keyId);
  });

  it('covers fields that only a later version knows', async () => {
    const later = { ...certifiedCopy(), heldUntil: 'tomorrow' };
    const certificate = signCertificate(await signingKey(keys), later);
    expect(verifyCertificate(certificate).certified).toEqual(later);
    const changed = { ...certificate, certified: { ...later, heldUntil: 'today' } };
    expect(() => verifyCertificate(changed)).toThrow(invalid);
  });

  it.each([undefined, null, 1, 'text', [], {}, { certified: {} }])(
    'is not taken out of %j',
    (document) => {
      expect(() => verifyCertificate(document)).toThrow(invalid);
    },
  );
});

it('canonical JSON is that of RFC 8785', () => {
  const value = {
    numbers: [333333333.3333333, 1e30, 4.5, 2e-3, 0.000000000000000000000000001],
    string: '\u20ac$\u000f\nA\'B"\\\\"/',
    literals: [null, true, false],
  };
  expect(canonicalJson(value)).toBe(
    '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],' +
      '"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}',
  );
  expect(canonicalJson({ '\ufb33': 1, '\ud83d\ude00': 2, '\u20ac': 3, '1': 4, '\r': 5 })).toBe(
    '{"\\r":5,"1":4,"€":3,"😀":2,"\ufb33":1}',
  );
});
