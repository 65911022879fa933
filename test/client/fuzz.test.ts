import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, vi } from 'vitest';
import { z } from 'zod';
import { readIonice, readRate, readSize, readVolume } from '../../client/arguments.ts';
import { findMounts } from '../../client/demo/leftovers/mounts.ts';
import { readCertificate } from '../../client/read-certificate.ts';
import { configSchema } from '../../system/config/schema.ts';
import { signCertificate, signingKey } from '../../system/config/signing.ts';
import { certifiedCopy } from '../rig/certified-copy.ts';
import { inFile, inPlaceOf, itSurvives } from '../rig/fuzz.ts';

vi.mock('node:fs/promises', async (real) => {
  const { planting } = await import('../rig/planted.ts');
  return planting(await real());
});

const directory = await mkdtemp(join(tmpdir(), 'dray-fuzz-'));
afterAll(() => rm(directory, { recursive: true }));
const file = join(directory, 'certificate.json');
const config = configSchema.parse({ stateDir: directory });
const key = await signingKey(join(directory, 'keys'));
const certificate = signCertificate(key, certifiedCopy());
const { bytes, chunks } = certificate.certified;
await writeFile(file, '');

describe('whatever somebody types or hands over, it is read or refused:', () => {
  itSurvives([
    {
      name: 'a size',
      sample: '10GiB',
      parse: (typed) => readSize(typed.toString()),
      answers: z.int().min(512).multipleOf(512),
      refuses: ['BadSize'],
    },
    {
      name: 'a rate',
      sample: '100MiB/s',
      parse: (typed) => readRate('--limit', typed.toString()),
      answers: z.int().min(1),
      refuses: ['BadOption'],
    },
    {
      name: 'a priority',
      sample: 'best-effort:7',
      parse: (typed) => readIonice(typed.toString()),
      answers: z.strictObject({
        class: z.literal([1, 2, 3]),
        level: z.int().min(0).max(7).optional(),
      }),
      refuses: ['BadOption'],
    },
    {
      name: 'a volume',
      sample: 'disks:vm1',
      parse: (typed) => readVolume(typed.toString()),
      answers: z.strictObject({ backend: z.string().min(1), id: z.string().min(1) }),
      refuses: ['BadVolumeName'],
    },
    {
      name: 'a certificate, which says what was signed',
      sample: JSON.stringify(certificate),
      parse: inFile(file, () => readCertificate(config, file)),
      answers: z.strictObject({
        bytesTotal: z.literal(bytes.total),
        chunkBytes: z.literal(chunks.chunkBytes),
        digestsRoot: z.literal(chunks.digestsRoot),
        signer: z.strictObject({ keyId: z.literal(key.id), isOwn: z.literal(true) }),
      }),
      refuses: ['CertificateInvalid', 'CertificateUnusable'],
    },
    {
      name: 'the list of mounts, for the demo',
      sample: `36 22 0:31 / ${directory}/a\\040b rw,nosuid - fuse /dev/fuse rw\n`,
      parse: inPlaceOf('/proc/self/mountinfo', () => findMounts(directory)),
      answers: z.array(z.string().startsWith(`${directory}/`)),
    },
  ]);
});
