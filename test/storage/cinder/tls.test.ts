import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, afterEach, beforeAll, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { CinderApi } from '../../../storage/cinder/api.ts';
import { keystone } from '../../../storage/cinder/keystone.ts';
import { raiseEpoch } from '../../../system/epoch.ts';

const thing = z.object({ thing: z.number() });
const project = { id: '5f705d0a1c4b4f0f8f6c8b5a7d9e3c21' };
const versions = [{ id: 'v3.0', version: '3.70', min_version: '3.0' }];

let directory: string;
let server: Server;
const at = (name: string): string => join(directory, name);

/** A key and its certificate, `more`: signed by whom, and for what. */
async function certify(name: string, ...more: string[]): Promise<void> {
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  const files = ['-keyout', at(`${name}.key`), '-out', at(`${name}.pem`)];
  await execa('openssl', ['req', '-x509', ...key, ...files, '-subj', `/CN=${name}`, ...more]);
}

/** Keystone and Cinder behind one certificate. */
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'dray-tls-'));
  await certify('ca');
  const signed = ['-CA', at('ca.pem'), '-CAkey', at('ca.key')];
  const leaf = ['subjectAltName=IP:127.0.0.1', 'basicConstraints=critical,CA:FALSE'];
  await certify('server', ...signed, ...leaf.flatMap((each) => ['-addext', each]));
  const [key, cert] = [await readFile(at('server.key')), await readFile(at('server.pem'))];
  server = createServer({ key, cert }, ({ url }, response) => {
    const endpoints = [{ interface: 'public', url: `${origin()}/v3/${project.id}` }];
    const token = { project, catalog: [{ type: 'block-storage', endpoints }] };
    response.setHeader('Connection', 'close').setHeader('X-Subject-Token', 'token');
    response.end(JSON.stringify({ token, versions, thing: 1, asked: url }));
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
});
afterAll(async () => {
  server.close();
  await once(server, 'close');
  await rm(directory, { recursive: true });
});
afterEach(() => vi.unstubAllEnvs());

const origin = (): string => `https://127.0.0.1:${(server.address() as AddressInfo).port}`;

async function openApi(cloud: string): Promise<CinderApi> {
  return new CinderApi('cinder', keystone('cinder', cloud), await raiseEpoch(at('epoch'), 'host'));
}

async function writeCloud(more: object): Promise<void> {
  const login = { username: 'mover', password: 'secret', project_name: 'movers' };
  const lab = { auth: { auth_url: `${origin()}/v3`, ...login }, ...more };
  await writeFile(at('clouds.yaml'), JSON.stringify({ clouds: { lab } }));
  vi.stubEnv('OS_CLIENT_CONFIG_FILE', at('clouds.yaml'));
  vi.stubEnv('OS_CLIENT_SECURE_FILE', at('secure.yaml'));
}

it('trusts the CA that clouds.yaml names, for Keystone and Cinder', async () => {
  await writeCloud({ cacert: at('ca.pem') });
  expect(await (await openApi('lab')).get('/things/1', thing)).toEqual({ thing: 1 });
});

it('trusts the CA that OS_CACERT names', async () => {
  vi.stubEnv('OS_AUTH_URL', `${origin()}/v3`);
  vi.stubEnv('OS_USERNAME', 'mover');
  vi.stubEnv('OS_PASSWORD', 'secret');
  vi.stubEnv('OS_PROJECT_NAME', 'movers');
  vi.stubEnv('OS_CACERT', at('ca.pem'));
  expect(await (await openApi('envvars')).get('/things/1', thing)).toEqual({ thing: 1 });
});

it('trusts nobody else', async () => {
  // Also where it is asked to.
  await writeCloud({ verify: false, insecure: true });
  const refused = (await openApi('lab')).get('/things/1', thing);
  await expect(refused).rejects.toMatchObject({ code: 'BackendUnavailable' });
  await expect(refused).rejects.toThrow(/Keystone: .*certificate/);
});

it('a CA that cannot be read waits for a person', async () => {
  await writeCloud({ cacert: at('none.pem') });
  const refused = (await openApi('lab')).get('/things/1', thing);
  await expect(refused).rejects.toMatchObject({ code: 'CloudUnusable', class: 'operator' });
  await expect(refused).rejects.toThrow('cacert: ENOENT');
});
