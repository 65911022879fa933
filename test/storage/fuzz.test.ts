import { mkdir, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, describe, vi } from 'vitest';
import { z } from 'zod';
import { ReservationStore } from '../../storage/reservations.ts';
import { pinned } from '../../storage/cinder/pinned.ts';
import { noAuth } from '../../storage/cinder/session.ts';
import { ExportRecords } from '../../storage/tgt/export-record.ts';
import { ManagedTgtd } from '../../storage/tgt/managed-tgtd.ts';
import { parseTarget, parseTargetList } from '../../storage/tgt/target-list.ts';
import { Tgtadm } from '../../storage/tgt/tgtadm.ts';
import { checkRoot } from '../../storage/volume-root/identity.ts';
import { VolumeStore } from '../../storage/volume-root/volumes.ts';
import { inFile, itSurvives } from '../rig/fuzz.ts';
import { plantedTools } from '../rig/planted.ts';
import { attachmentSchema, sealedSchema } from '../rig/well-formed.ts';
import { attachmentOf, BACKEND, makeWorkbench } from './workbench.ts';

vi.mock('../../system/run.ts', async (real) => {
  const { plantingTools } = await import('../rig/planted.ts');
  return plantingTools(await real());
});

const bench = await makeWorkbench();
const { directory, context } = bench;
const at = (name: string): string => join(directory, name);
vi.stubEnv('TGT_IPC_SOCKET', at('socket'));
afterAll(async () => {
  vi.unstubAllEnvs();
  await bench.remove();
});

const attachment = attachmentOf('vm1', 'one');
const reservations = new ReservationStore(directory);
const volumes = new VolumeStore(directory, BACKEND, {});
const records = new ExportRecords(directory);
await mkdir(at('tgtd'));
await writeFile(at('vm1.raw'), '');
await truncate(at('vm1.raw'), 4096);

const record = {
  ...{ attachmentId: attachment.id, volumeId: 'vm1', path: '/v/vm1.raw', serial: 'ab'.repeat(16) },
  accessMode: 'rw',
  access: {
    ...{ state: 'granted', initiator: 'iqn.x:ini', user: 'dray-0123456789abcdef' },
    secret: { sealed: 'AAAA', keyId: '0123456789abcdef' },
  },
};

describe('whatever is in the place of', () => {
  itSurvives([
    {
      name: 'a reservation, it says who holds the volume or is damaged',
      sample: JSON.stringify({ id: 'r', attachment, readsAsZeros: true, foreignId: 'f' }),
      parse: inFile(reservations.fileOf('held'), () => reservations.holderOf('held')),
      answers: z.strictObject({
        id: z.string(),
        attachment: attachmentSchema,
        readsAsZeros: z.boolean(),
        foreignId: z.string().optional(),
      }),
      refuses: ['StateDamaged'],
    },
    {
      name: "a volume's file, it says whether it was written or is damaged",
      sample: '{"sizeBytes":4096,"neverWritten":true,"createdAt":"2026-11-23T08:00:00.000Z"}',
      parse: inFile(at('vm1.json'), () => volumes.find('vm1')),
      answers: z.strictObject({
        id: z.literal('vm1'),
        path: z.literal(at('vm1.raw')),
        sizeBytes: z.literal(4096),
        neverWritten: z.boolean(),
      }),
      refuses: ['StateDamaged'],
    },
    {
      name: 'the record of an export, it says what may be done or is damaged',
      sample: JSON.stringify(record),
      parse: inFile(at(`${attachment.id}.json`), () => records.read(attachment.id)),
      answers: z.strictObject({
        ...{ attachmentId: z.string(), volumeId: z.string(), path: z.string() },
        serial: z.string(),
        accessMode: z.enum(['ro', 'rw']),
        access: z.discriminatedUnion('state', [
          z.strictObject({ state: z.literal('none') }),
          z.strictObject({
            state: z.literal('granted'),
            initiator: z.string(),
            user: z.string(),
            secret: sealedSchema,
          }),
        ]),
      }),
      refuses: ['StateDamaged'],
    },
    {
      name: "a root's uuid, it is the one or another's",
      sample: '0d4b7f4c-5d0b-4f0e-9a53-3f7a4f6f6c11\n',
      parse: inFile(at('uuid'), () => checkRoot(directory, '0d4b7f4c-5d0b-4f0e-9a53-3f7a4f6f6c11')),
      answers: z.undefined(),
      refuses: ['ForeignRoot'],
    },
    {
      name: 'what a project is remembered by, it is the one or another',
      sample: JSON.stringify('http://c:8776/v3/abc'),
      parse: inFile(at('b.project'), async () => {
        const auth = noAuth('http://c:8776', 'abc');
        return (await pinned('b', auth, directory).session()).project;
      }),
      answers: z.literal('abc'),
      refuses: ['ForeignProject', 'StateDamaged'],
    },
  ]);
});

describe('whatever is in the place of the file of a process', () => {
  const tgt = new Tgtadm(BACKEND, 7, context);
  const tgtd = new ManagedTgtd(at('tgtd'), '127.0.0.1:1', tgt, context);
  itSurvives(
    [
      {
        name: 'nobody else is ended',
        sample: '{"pid":2147483647,"startTicks":12}',
        parse: async (bytes) => {
          plantedTools.set('tgtadm', () => ({ stdout: TARGETS }));
          await inFile(at('tgtd/process.json'), () => tgtd.stopIfIdle())(bytes);
        },
        answers: z.undefined(),
        refuses: ['StateDamaged'],
      },
    ],
    60,
  );
});

const TARGETS = `Target 1: iqn.2026-11.io.drayage:a
    System information:
        Driver: iscsi
        State: ready
    I_T nexus information:
        I_T nexus: 2
            Initiator: iqn.x:ini alias: none
            Connection: 0
                IP Address: 127.0.0.1
    LUN information:
        LUN: 1
            Type: disk
            SCSI SN: abcdef0123456789abcdef0123456789
            Readonly: Yes
            Backing store path: /srv/drayage/volumes/v: 1.raw
    Account information:
        u1
    ACL information:
        192.0.2.1
`;
const count = z.int().min(0);
const facts = z.strictObject({
  tid: count,
  name: z.string().min(1),
  sessions: z.array(z.strictObject({ sid: count, initiator: z.string(), cids: z.array(count) })),
  units: z.array(
    z.strictObject({ lun: count, serial: z.string(), path: z.string(), readOnly: z.boolean() }),
  ),
  accounts: z.array(z.string()),
  acl: z.array(z.string()),
});

describe('whatever tgtadm says of', () => {
  itSurvives([
    {
      name: 'targets, they are read or refused',
      sample: TARGETS,
      parse: (bytes) => parseTargetList(bytes.toString()).map(parseTarget),
      answers: z.array(facts),
      refuses: ['ToolFailed'],
    },
    {
      name: 'accounts, they are names',
      sample: 'Account list:\n    dray-0123456789abcdef\n    other\n',
      parse: (bytes) => {
        plantedTools.set('tgtadm', () => ({ stdout: bytes.toString() }));
        return new Tgtadm(BACKEND, 7, context).accounts();
      },
      answers: z.array(z.string().min(1)),
    },
  ]);
});
