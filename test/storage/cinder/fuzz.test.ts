import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { CinderApi } from '../../../storage/cinder/api.ts';
import { Attachments } from '../../../storage/cinder/attachments.ts';
import { readCloud } from '../../../storage/cinder/clouds.ts';
import { readConnection } from '../../../storage/cinder/connection-info.ts';
import { keystone } from '../../../storage/cinder/keystone.ts';
import { noAuth } from '../../../storage/cinder/session.ts';
import { Volumes } from '../../../storage/cinder/volumes.ts';
import { raiseEpoch } from '../../../system/epoch.ts';
import { codeOf } from '../../copy/rig.ts';
import { inFile, itSurvives, type Parser } from '../../rig/fuzz.ts';
import { attachmentOf, HOST, properties } from '../workbench.ts';

const directory = await mkdtemp(join(tmpdir(), 'dray-fuzz-'));
const at = (name: string): string => join(directory, name);
const epoch = await raiseEpoch(at('epoch'), 'host');
afterAll(async () => {
  vi.unstubAllEnvs();
  await rm(directory, { recursive: true });
});
vi.stubEnv('OS_CLIENT_CONFIG_FILE', at('clouds.yaml'));
vi.stubEnv('OS_CLIENT_SECURE_FILE', at('secure.yaml'));

const VERSIONS = '{"versions": [{"id": "v3.0", "version": "3.71", "status": "CURRENT"}]}';
const NOTHING = '{"volumes": [], "attachments": []}';
type Reply = { status: number; text: string };

const { ask } = vi.hoisted(() => ({ ask: vi.fn() }));
vi.mock('../../../storage/cinder/http.ts', () => ({ ask }));

/** Every request gets the next answer, those behind the last one get that one again. */
function answering(...replies: Reply[]): void {
  const headers = { 'x-subject-token': 'token', 'retry-after': '1' };
  ask.mockImplementation(() => {
    const reply = replies.length > 1 ? replies.shift() : replies[0];
    return Promise.resolve({ ...reply, headers });
  });
}

const ok = (text: string): Reply => ({ status: 200, text });
const api = (): CinderApi => new CinderApi('block', noAuth('http://c:8776', 'abc'), epoch, 0);

/** What is read of an answer; each that follows it has nothing in it. */
const reading =
  (ask: (api: CinderApi) => Promise<unknown>): Parser['parse'] =>
  (bytes) => {
    answering(ok(VERSIONS), ok(bytes.toString()), ok(NOTHING));
    return ask(api());
  };

const VOLUME = {
  ...{ id: 'a1', name: 'vm1', status: 'available', size: 2, multiattach: false, encrypted: null },
  ...{ migration_status: null, metadata: { readonly: 'False' } },
};
const CONNECTION = {
  ...{ driver_volume_type: 'iscsi', volume_id: 'vm1', encrypted: false, target_lun: 1 },
  ...{ target_portals: ['10.0.0.1:3260'], target_iqn: 'iqn.x:v', target_discovered: false },
  ...{ auth_method: 'CHAP', auth_username: 'u', auth_password: 'p' },
};
const ATTACHMENT = {
  ...{ id: 'b2', status: 'attached', volume_id: 'a1', instance: null },
  connection_info: CONNECTION,
};

const volume = z.strictObject({
  id: z.string(),
  name: z.string().nullish(),
  status: z.string(),
  size: z.number(),
  multiattach: z.boolean().nullish(),
  encrypted: z.boolean().nullish(),
  migration_status: z.string().nullish(),
  metadata: z.record(z.string(), z.string()).nullish(),
});
const row = z.strictObject({
  id: z.string(),
  status: z.string(),
  volume_id: z.string(),
  instance: z.string().nullish(),
  connection_info: z.record(z.string(), z.unknown()).nullish(),
});
const connection = z.strictObject({
  driverVolumeType: z.literal('iscsi'),
  data: z.strictObject({
    ...{ target_portal: z.string(), target_iqn: z.string(), target_lun: z.int() },
    ...{ auth_method: z.literal('CHAP'), auth_username: z.string(), auth_password: z.string() },
    ...{ access_mode: z.literal('rw'), encrypted: z.boolean() },
  }),
});

describe('whatever Cinder answers to the question for', () => {
  const refuses = ['BackendUnavailable'] as const;
  itSurvives([
    {
      name: 'its versions, it is one, or too old, or unavailable',
      sample: VERSIONS,
      parse: (bytes) => {
        answering(ok(bytes.toString()));
        return api().knowsMode();
      },
      answers: z.boolean(),
      refuses: [...refuses, 'BackendTooOld'],
    },
    {
      name: 'a volume, it is one or unavailable',
      sample: JSON.stringify({ volume: VOLUME }),
      parse: reading((cinder) => new Volumes(cinder).find('a1')),
      answers: volume,
      refuses,
    },
    {
      name: 'all volumes, they are some and come to an end',
      sample: JSON.stringify({ volumes: [VOLUME], volumes_links: [{ rel: 'next', href: 'h' }] }),
      parse: reading((cinder) => new Volumes(cinder).list()),
      answers: z.array(volume),
      refuses,
    },
    {
      name: 'all attachments, they are some and come to an end',
      sample: JSON.stringify({ attachments: [ATTACHMENT] }),
      parse: reading((cinder) => new Attachments(cinder).all()),
      answers: z.array(row),
      refuses,
    },
    {
      name: 'a connection, a host can use it or is told why not',
      sample: JSON.stringify({ attachment: { connection_info: CONNECTION } }),
      parse: reading(async (cinder) => {
        const found = await new Attachments(cinder).connect('b2', properties);
        return found && readConnection(found, attachmentOf('vm1', 'one'), HOST);
      }),
      answers: connection.nullish(),
      refuses: [...refuses, 'ProtocolUnavailable', 'WrongDevice'],
    },
    {
      name: 'anything, with a status that says it was not done',
      sample: '{"itemNotFound": {"code": 404, "message": "Volume a1 could not be found."}}',
      parse: async (bytes) => {
        const outcomes: unknown[] = [];
        for (const status of [400, 401, 403, 404, 409, 413, 429, 500, 502, 503]) {
          answering(ok(VERSIONS), { status, text: bytes.toString() });
          const answer = api().send('GET', '/volumes/a1');
          outcomes.push(await answer.then((done) => done.status, codeOf));
        }
        return outcomes;
      },
      answers: z.array(
        z.union([z.literal([400, 404, 409]), z.literal(['BackendUnavailable', 'BackendRefused'])]),
      ),
    },
  ]);
});

it('a list that only says there is more comes to an end', async () => {
  const empty = JSON.stringify({ volumes: [], volumes_links: [{ rel: 'next', href: 'h' }] });
  answering(ok(VERSIONS), ok(empty));
  expect(await new Volumes(api()).list()).toEqual([]);
});

const CLOUDS = `
clouds:
  lab:
    region_name: south
    interface: publicURL
    auth: &auth
      auth_url: http://keystone:5000/v3
      username: mover
      password: "secret"
      project_name: movers
      user_domain_name: Default
  other: { auth: *auth }
`;
const text = z.string().optional();
const entry = z.strictObject({
  auth_type: z.enum(['password', 'v3password', 'v3applicationcredential']),
  auth: z.strictObject({
    auth_url: z.string().regex(/^https?:/i),
    ...{ username: text, user_id: text, user_domain_name: text, user_domain_id: text },
    ...{ password: text, project_name: text, project_id: text, project_domain_name: text },
    ...{ project_domain_id: text, application_credential_id: text },
    ...{ application_credential_name: text, application_credential_secret: text },
  }),
  region_name: text,
  interface: z.string(),
  cacert: text,
});
const cloud = z.strictObject({ cloud: entry, ca: text });

const TOKEN = JSON.stringify({
  token: {
    project: { id: 'abc' },
    catalog: [
      {
        type: 'block-storage',
        endpoints: [{ interface: 'public', region_id: 'south', url: 'http://c:8776/v3/abc' }],
      },
    ],
  },
});

describe('whatever is in the place of', () => {
  itSurvives([
    {
      name: 'clouds.yaml, a cloud is one or cannot be used',
      sample: CLOUDS,
      parse: inFile(at('clouds.yaml'), () => readCloud('lab')),
      answers: cloud,
      refuses: ['CloudUnusable'],
    },
    {
      name: "Keystone's answer, it is a session or none",
      sample: TOKEN,
      parse: async (bytes) => {
        await writeFile(at('clouds.yaml'), CLOUDS);
        answering(ok(bytes.toString()));
        return keystone('block', 'lab').session();
      },
      answers: z.strictObject({
        url: z.string().regex(/\/v3/),
        token: z.literal('token'),
        project: z.string(),
      }),
      refuses: ['BackendUnavailable', 'BackendRefused'],
    },
  ]);
});
