import { mkdtemp, open, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, vi } from 'vitest';
import { z } from 'zod';
import { canonicalJson } from '../../contract/canonical-json.ts';
import { type Claim, readClaim } from '../../system/claims.ts';
import { currentKey, formatKey, parseKey, readKey } from '../../system/config/keys.ts';
import { loadConfig } from '../../system/config/load.ts';
import { configSchema } from '../../system/config/schema.ts';
import {
  findSigningKey,
  signCertificate,
  signingKey,
  verifyCertificate,
} from '../../system/config/signing.ts';
import { parseTimetable } from '../../system/config/timetable.ts';
import { readEpoch } from '../../system/epoch.ts';
import { findProcesses, flockHolders, identifyProcess } from '../../system/processes.ts';
import { seal, unseal } from '../../system/seal.ts';
import { certifiedCopy } from '../rig/certified-copy.ts';
import { inFile, inPlaceOf, itSurvives } from '../rig/fuzz.ts';
import { plantedDirectories, plantedFiles } from '../rig/planted.ts';
import { attachmentSchema, sealedSchema } from '../rig/well-formed.ts';
import { attachmentOf } from '../storage/workbench.ts';

vi.mock('node:fs', async (real) => {
  const { plantingSync } = await import('../rig/planted.ts');
  return plantingSync(await real());
});
vi.mock('node:fs/promises', async (real) => {
  const { planting } = await import('../rig/planted.ts');
  return planting(await real());
});

const directory = await mkdtemp(join(tmpdir(), 'dray-fuzz-'));
const at = (name: string): string => join(directory, name);
afterAll(() => rm(directory, { recursive: true }));

const accessMode = z.enum(['ro', 'rw']);
const rateLimit = z.union([z.int().min(1), z.literal('unlimited')]);
const minute = z.int().min(0).max(1440);
const processId = z.strictObject({ pid: z.int().min(1), startTicks: z.int().min(0) });

const claim: Claim = {
  attachment: {
    ...attachmentOf('vm1', 'one'),
    exported: { name: 'x', serial: 's', sizeBytes: 4096, readsAsZeros: true, reservation: 'r' },
  },
  info: {
    driverVolumeType: 'iscsi',
    data: { target_lun: 1, encrypted: false, auth_password: { sealed: 'AAAA', keyId: 'ab' } },
  },
  device: { path: '/d', sizeBytes: 4096, accessMode: 'rw' },
};

const TIMETABLE = '22:00-06:00 unlimited, 12:00-13:00 10MiB/s, else 100MiB/s';
const CONFIG = `
host: mover1
stateDir: /var/lib/drayage
temporal: { address: 'temporal:7233', namespace: default }
backends:
  disks: { type: file, root: /srv/disks }
  san: { type: tgt, root: /srv/san, managed: true, controlPort: 7, portal: '127.0.0.1:3260' }
  block: { type: cinder, cloud: lab }
copy: { slots: 3, timetable: '${TIMETABLE}', ionice: { class: 2, level: 7 } }
`;

describe('whatever is in the place of', () => {
  itSurvives([
    {
      name: 'an epoch, it is a number',
      sample: '12\n',
      parse: inFile(at('epoch'), () => readEpoch(at('epoch'))),
      answers: z.int().min(0),
    },
    {
      name: 'a claim, it is whole or damaged',
      sample: JSON.stringify(claim),
      parse: inFile(at('a.json'), () => readClaim(directory, 'a')),
      answers: z.strictObject({
        attachment: attachmentSchema,
        info: z.strictObject({
          driverVolumeType: z.enum(['local', 'iscsi']),
          data: z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), sealedSchema])),
        }),
        device: z.strictObject({ path: z.string(), sizeBytes: z.number(), accessMode }).optional(),
      }),
      refuses: ['StateDamaged'],
    },
    {
      name: 'settings, they are what the schema says or refused',
      sample: CONFIG,
      parse: inFile(at('config.yaml'), () => loadConfig(at('config.yaml'))),
      answers: configSchema.extend({ file: z.string() }),
      refuses: ['ConfigInvalid'],
    },
    {
      name: 'a timetable, it has times and limits or is refused',
      sample: TIMETABLE,
      parse: (bytes) => parseTimetable(bytes.toString()),
      answers: z.strictObject({
        windows: z.array(z.strictObject({ from: minute, to: minute, limit: rateLimit })),
        otherwise: rateLimit.optional(),
      }),
      refuses: ['BadOption'],
    },
  ]);
});

const ID = '0123456789abcdef';
const KEY = { id: ID, bytes: Buffer.alloc(32, 9) };
const keyId = z.string().regex(/^[0-9a-f]{16}$/);
const PEM = `-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g
-----END PRIVATE KEY-----
`;

describe('whatever is in the place of', () => {
  itSurvives([
    {
      name: 'a key that somebody brings, it has 32 bytes or is refused',
      sample: `${formatKey(KEY)}\n`,
      parse: (bytes) => {
        const { id, bytes: secret } = parseKey(bytes.toString());
        return { id, length: secret.length };
      },
      answers: z.strictObject({ id: keyId, length: z.literal(32) }),
      refuses: ['BadOption'],
    },
    {
      name: 'the file of a sealing key, it is the one that is asked for or missing',
      sample: formatKey(KEY),
      parse: inFile(at(`${ID}.key`), async () => (await readKey(directory, ID)).id),
      answers: z.literal(ID),
      refuses: ['KeyMissing'],
    },
    {
      name: 'the name of the key that seals, it leads to that key or to none',
      sample: `${ID}\n`,
      parse: async (bytes) => {
        await writeFile(at(`${ID}.key`), formatKey(KEY));
        await writeFile(at('current'), bytes);
        return (await currentKey(directory)).id;
      },
      answers: z.literal(ID),
      refuses: ['KeyMissing'],
    },
    {
      name: 'a signing key, what it signs is valid or it is damaged',
      sample: PEM,
      parse: inFile(at('signing.pem'), async () => {
        const key = await findSigningKey(directory);
        return verifyCertificate(signCertificate(key!, certifiedCopy())).keyId;
      }),
      answers: keyId,
      refuses: ['StateDamaged'],
    },
  ]);
});

await writeFile(at(`${ID}.key`), formatKey(KEY));
await writeFile(at('current'), ID);
const SECRET = 'the password of one attachment';
const sealed = await seal(directory, SECRET, 'a/b');
const certificate = signCertificate(await signingKey(at('keys')), certifiedCopy());

/** JSON where it is, else the text. */
function documentIn(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString()) as unknown;
  } catch {
    return bytes.toString();
  }
}

describe('whatever was changed, it is refused or says what it said:', () => {
  itSurvives([
    {
      name: 'a sealed value',
      sample: sealed.sealed,
      parse: (bytes) => unseal(directory, { ...sealed, sealed: bytes.toString() }, 'a/b'),
      answers: z.literal(SECRET),
      refuses: ['SealBroken'],
    },
    {
      name: 'the name of its key',
      sample: sealed.keyId,
      parse: (bytes) => unseal(directory, { ...sealed, keyId: bytes.toString() }, 'a/b'),
      answers: z.literal(SECRET),
      refuses: ['KeyMissing'],
    },
    {
      name: 'a certificate',
      sample: JSON.stringify(certificate),
      parse: (bytes) => canonicalJson(verifyCertificate(documentIn(bytes)).certified),
      answers: z.literal(canonicalJson(certificate.certified)),
      refuses: ['CertificateInvalid'],
    },
  ]);
});

const locked = await open(at('lock'), 'w');
afterAll(() => locked.close());
const { ino } = await stat(at('lock'));
const LOCKS = [
  '1: POSIX  ADVISORY  WRITE 812 00:1a:1031 0 EOF',
  `2: FLOCK  ADVISORY  WRITE ${process.pid} 00:2b:${ino} 0 EOF`,
  '2: -> FLOCK  ADVISORY  WRITE 900 00:2b:77 0 EOF',
  '3: OFDLCK ADVISORY  READ  -1 00:06:4 0 EOF\n',
].join('\n');
const OURS = `/proc/${process.pid}`;
const ownStat = await readFile(`${OURS}/stat`, 'latin1');

describe('whatever the kernel says of', () => {
  itSurvives([
    {
      name: 'a process, it is known by its start, or gone, or nobody can tell',
      sample: ownStat,
      parse: inPlaceOf(`${OURS}/stat`, () => identifyProcess(process.pid)),
      answers: processId.optional(),
      refuses: ['Unexpected'],
    },
    {
      name: 'locks, who holds one is a process',
      sample: LOCKS,
      parse: (bytes) => {
        plantedFiles.delete(`${OURS}/stat`);
        plantedFiles.set('/proc/locks', bytes);
        return flockHolders(at('lock'));
      },
      answers: z.array(processId),
    },
    {
      name: 'the command line of one, it is found or not',
      sample: 'tgtd\0-f\0-C\x007\0--iscsi\0portal=127.0.0.1:3260\0',
      parse: (bytes) => {
        plantedDirectories.set('/proc', [String(process.pid), 'self']);
        plantedFiles.set(`${OURS}/comm`, Buffer.from('tgtd\n'));
        plantedFiles.set(`${OURS}/cmdline`, bytes);
        return findProcesses('tgtd', '-C', '7');
      },
      answers: z.array(processId).max(1),
    },
  ]);
});
