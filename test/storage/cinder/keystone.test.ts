import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { keystone } from '../../../storage/cinder/keystone.ts';

const PROJECT = '5f705d0a1c4b4f0f8f6c8b5a7d9e3c21';
const url = `http://cinder.example:8776/v3/${PROJECT}`;
const inRegion = (region_id: string, at: string, of = 'public') => ({
  ...{ interface: of, region_id, url: at },
});
const catalogOf = (...services: [type: string, ...endpoints: object[]][]) => ({
  token: {
    project: { id: PROJECT },
    catalog: services.map(([type, ...endpoints]) => ({ type, endpoints })),
  },
});

let server: Server;
let directory: string;
let logins: unknown[];
let answer: { status: number; body: unknown; headers?: Record<string, string> };

beforeEach(async () => {
  const endpoints = [inRegion('north', 'http://north.example/v3'), inRegion('south', `${url}/`)];
  answer = { status: 201, body: catalogOf(['block-storage', ...endpoints]) };
  logins = [];
  server = createServer((request, response) => {
    void text(request).then((body) => {
      logins.push(JSON.parse(body));
      const token = { 'X-Subject-Token': `token${logins.length}` };
      const headers = { Connection: 'close', ...token, ...answer.headers };
      response.writeHead(answer.status, headers).end(JSON.stringify(answer.body));
    });
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  directory = await mkdtemp(join(tmpdir(), 'dray-keystone-'));
  vi.stubEnv('OS_CLIENT_CONFIG_FILE', join(directory, 'clouds.yaml'));
  vi.stubEnv('OS_CLIENT_SECURE_FILE', join(directory, 'secure.yaml'));
  await writeCloud({});
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(directory, { recursive: true });
  server.close();
  await once(server, 'close');
});

/** JSON is YAML. */
async function writeCloud(more: object, auth: object = {}): Promise<void> {
  const auth_url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v3`;
  const user = { username: 'mover', password: 'secret', project_name: 'movers' };
  const lab = { region_name: 'south', auth: { auth_url, ...user, ...auth }, ...more };
  await writeFile(join(directory, 'clouds.yaml'), JSON.stringify({ clouds: { lab } }));
}

it('logs in by password and finds Cinder of the region in the catalogue', async () => {
  const auth = keystone('cinder', 'lab');
  const session = { url, token: 'token1', project: PROJECT };
  expect(await Promise.all([auth.session(), auth.session()])).toEqual([session, session]);
  const domain = { id: 'default' };
  expect(logins).toEqual([
    {
      auth: {
        identity: {
          methods: ['password'],
          password: { user: { name: 'mover', domain, password: 'secret' } },
        },
        scope: { project: { name: 'movers', domain } },
      },
    },
  ]);
  auth.forget(await auth.session());
  expect(await auth.session()).toMatchObject({ token: 'token2' });
});

it('renews a token once, however many requests it was refused for', async () => {
  const auth = keystone('cinder', 'lab');
  const refused = await auth.session();
  auth.forget(refused);
  const renewed = auth.session();
  auth.forget(refused);
  expect(await auth.session()).toBe(await renewed);
  auth.forget(refused);
  expect(await auth.session()).toMatchObject({ token: 'token2' });
  expect(logins).toHaveLength(2);
});

describe('of a catalogue', () => {
  const south = inRegion('south', url);
  const internal = inRegion('south', `http://inside.example/v3/${PROJECT}`, 'internal');
  const bare = inRegion('south', 'http://cinder.example:8776');

  it.each<[string, object, ReturnType<typeof catalogOf>, string]>([
    [
      'the interface',
      { interface: 'internal' },
      catalogOf(['volumev3', south, internal]),
      'inside',
    ],
    ['the second service of a type', {}, catalogOf(['volumev3'], ['volumev3', south]), url],
    [
      'volumev3, where block-storage has no version',
      ...([{}, catalogOf(['volumev3', south], ['block-storage', bare]), url] as const),
    ],
    [
      'block-storage before volumev3',
      ...([{}, catalogOf(['volumev3', internal], ['block-storage', south]), url] as const),
    ],
  ])('takes %s', async (_, more, body, found) => {
    answer.body = body;
    await writeCloud(more);
    expect((await keystone('cinder', 'lab').session()).url).toContain(found);
  });

  it.each([
    [{ region_name: 'sooth' }, 'interface public in region sooth'],
    [{ interface: 'admin' }, 'interface admin in region south'],
  ])('without what is asked for, names it: %j', async (more, named) => {
    await writeCloud(more);
    const refused = keystone('cinder', 'lab').session();
    await expect(refused).rejects.toMatchObject({ code: 'BackendRefused' });
    await expect(refused).rejects.toThrow(named);
  });
});

it('knows a domain by its id before its name', async () => {
  await writeCloud({}, { user_domain_id: 'i', user_domain_name: 'n', project_domain_name: 'p' });
  await keystone('cinder', 'lab').session();
  expect(logins).toMatchObject([
    {
      auth: {
        identity: { password: { user: { domain: { id: 'i' } } } },
        scope: { project: { domain: { name: 'p' } } },
      },
    },
  ]);
});

it('sends a password nowhere else', async () => {
  answer = {
    status: 301,
    body: {},
    headers: { Location: 'https://keystone.example/v3/?a-canary' },
  };
  const refused = keystone('cinder', 'lab').session();
  await expect(refused).rejects.toMatchObject({ code: 'BackendUnavailable' });
  await expect(refused).rejects.toThrow(
    'Keystone: HTTP 301: a redirect to https://keystone.example',
  );
  await expect(refused).rejects.not.toThrow('a-canary');
});

it('logs in by an application credential, which has its project already', async () => {
  const credential = { application_credential_id: 'i', application_credential_secret: 's' };
  await writeCloud({ auth_type: 'v3applicationcredential' }, credential);
  await keystone('cinder', 'lab').session();
  const methods = ['application_credential'];
  const identity = { methods, application_credential: { id: 'i', secret: 's' } };
  expect(logins).toEqual([{ auth: { identity } }]);
});

it('settings that are spoilt while a copy runs wait for a person, and are read again', async () => {
  const auth = keystone('cinder', 'lab');
  await auth.session();
  await writeFile(join(directory, 'clouds.yaml'), 'clouds: [');
  // The one in force is good for as long as Cinder takes it.
  await auth.session();
  auth.forget(await auth.session());
  await expect(auth.session()).rejects.toMatchObject({ code: 'CloudUnusable', class: 'operator' });
  await writeCloud({});
  expect(await auth.session()).toMatchObject({ token: 'token2' });
});

it.each([
  ['a wrong password', 401, { error: { message: 'not you' } }, 'BackendRefused', 'not you'],
  ['too many logins', 429, { error: { message: 'slow down' } }, 'BackendUnavailable', 'slow'],
  ['a slow login', 408, 'late', 'BackendUnavailable', '408'],
  ['a fault', 503, 'busy', 'BackendUnavailable', '503'],
  ['no catalogue', 201, { token: { project: { id: PROJECT } } }, 'BackendRefused', 'block-storage'],
  ['a token without project', 201, { token: { catalog: [] } }, 'BackendUnavailable', 'unexpected'],
])('tells %s apart', async (_, status, body, code, because) => {
  answer = { status, body };
  const refused = keystone('cinder', 'lab').session();
  await expect(refused).rejects.toMatchObject({ code });
  await expect(refused).rejects.toThrow(because);
});
