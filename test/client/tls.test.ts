import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { dray, spawnDray } from '../rig/dray.ts';
import { until } from '../rig/poll.ts';
import { startTemporal, type TestTemporal } from '../rig/temporal.ts';
import { Authority, type Certified, type Proxy, startKeyProxy, startTlsProxy } from '../rig/tls.ts';

const API_KEY = 'the-key-of-this-test';
type Profile = { address: string; api_key?: string; tls?: Record<string, string> };

let [directory, env] = ['', {} as Record<string, string>];
let server: TestTemporal;
let [ours, theirs] = [] as unknown as [Authority, Authority];
const certificates = {} as Record<
  'server' | 'oldServer' | 'client' | 'oldClient' | 'stranger',
  Certified
>;
const proxies = {} as Record<'mutual' | 'expired' | 'keyed', Proxy>;

const at = (...names: string[]): string => join(directory, ...names);
const trusting = (ca = ours) => ({ server_ca_cert_path: ca.certificate });
const as = (client: Certified, key = client.key) => ({
  client_cert_path: client.cert,
  client_key_path: key,
});

/** Writes the file of Temporal's own tools: one profile. */
async function writeProfile({ tls = {}, ...settings }: Profile): Promise<void> {
  const lines = (of: Record<string, string>): string =>
    Object.entries(of)
      .map(([key, value]) => `${key} = ${JSON.stringify(value)}\n`)
      .join('');
  const hasTls = Object.keys(tls).length > 0;
  const section = hasTls ? `[profile.lab.tls]\n${lines(tls)}` : '';
  await writeFile(at('temporal.toml'), `[profile.lab]\n${lines(settings)}${section}`);
}

/** What the worker says when it ends by itself. */
async function startWorker() {
  const worker = spawnDray(['worker'], env);
  let log = '';
  worker.stderr?.on('data', (text: Buffer) => (log += text.toString()));
  await until('the worker is ready or has ended', () => {
    return worker.exitCode !== null || log.includes('worker ready');
  });
  return { worker, log: () => log };
}

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'dray-mtls-'));
  [ours, theirs] = (await Promise.all(
    ['ours', 'theirs'].map((name) => new Authority(directory, name).create()),
  )) as [Authority, Authority];
  certificates.server = await ours.certify('server');
  certificates.oldServer = await ours.certify('old-server', -1);
  certificates.client = await ours.certify('client');
  certificates.oldClient = await ours.certify('old-client', -1);
  certificates.stranger = await theirs.certify('stranger');
  server = await startTemporal();
  const { address } = server;
  proxies.mutual = await startTlsProxy(address, certificates.server, ours);
  proxies.expired = await startTlsProxy(address, certificates.oldServer);
  proxies.keyed = await startKeyProxy(address, certificates.server, API_KEY);
  const settings = {
    ...{ host: 'mover', stateDir: at('state'), temporal: { profile: 'lab' } },
    backends: { disks: { type: 'file', root: at('disks') } },
  };
  await writeFile(at('config.yaml'), JSON.stringify(settings));
  env = { DRAY_CONFIG: at('config.yaml'), TEMPORAL_CONFIG_FILE: at('temporal.toml') };
  await mkdir(at('disks/volumes'), { recursive: true });
  for (const id of ['a', 'b']) await writeFile(at(`disks/volumes/${id}.raw`), randomBytes(2 ** 20));
});

afterAll(async () => {
  for (const proxy of Object.values(proxies)) await proxy.close();
  await server.stop();
  await rm(directory, { recursive: true });
});

it.each([
  [
    'client certificates',
    () => ({ address: proxies.mutual.address, tls: { ...trusting(), ...as(certificates.client) } }),
  ],
  ['an API key', () => ({ address: proxies.keyed.address, api_key: API_KEY, tls: trusting() })],
])('copies through a proxy that wants %s', async (_what, profile) => {
  await writeProfile(profile());
  const { worker, log } = await startWorker();
  expect(worker.exitCode, log()).toBe(null);
  const copy = await dray(['copy', 'disks:a', 'disks:b'], env);
  worker.kill('SIGTERM');
  expect((await worker).exitCode, log()).toBe(0);
  expect(copy.status, copy.stderr).toBe(0);
  const [a, b] = await Promise.all(['a', 'b'].map((id) => readFile(at(`disks/volumes/${id}.raw`))));
  expect(a?.equals(b!)).toBe(true);
  expect(log()).not.toContain(API_KEY);
});

const mutual = (tls: Record<string, string>) => ({ address: proxies.mutual.address, tls });
const keyed = (key?: string) => ({
  ...{ address: proxies.keyed.address, tls: trusting() },
  ...(key === undefined ? {} : { api_key: key }),
});

const UNTRUSTED: [what: string, profile: () => Profile, because: RegExp][] = [
  [
    'an authority that is not the server’s',
    () => mutual({ ...trusting(theirs), ...as(certificates.client) }),
    /does not trust who signed its certificate \(server_ca_cert_path\)/,
  ],
  [
    'no authority, where the server has one of its own',
    () => mutual(as(certificates.client)),
    /does not trust who signed its certificate \(server_ca_cert_path\)/,
  ],
  [
    'a server whose certificate has expired',
    () => ({ address: proxies.expired.address, tls: trusting() }),
    /its certificate has expired/,
  ],
  [
    'another name than the server’s',
    () => mutual({ ...trusting(), ...as(certificates.client), server_name: 'elsewhere' }),
    /for another name \(server_name\)/,
  ],
  ['no client certificate', () => mutual(trusting()), /asks for a client certificate, and none/],
  [
    'a client certificate of somebody else',
    () => mutual({ ...trusting(), ...as(certificates.stranger) }),
    /does not trust who signed the client certificate/,
  ],
  [
    'a client certificate that has expired',
    () => mutual({ ...trusting(), ...as(certificates.oldClient) }),
    /the client certificate has expired/,
  ],
  [
    'the key of another certificate',
    () => mutual({ ...trusting(), ...as(certificates.client, certificates.stranger.key) }),
    /key does not belong to the client certificate/,
  ],
  [
    'a key that is none',
    () => mutual({ ...trusting(), ...as(certificates.client, at('config.yaml')) }),
    /client certificate or its key cannot be read/,
  ],
  ['no TLS', () => ({ address: proxies.mutual.address }), /it speaks TLS, and the settings have/],
  [
    'TLS, where the server has none',
    () => ({ address: server.address, tls: trusting() }),
    /it does not speak TLS/,
  ],
];

const DENIED: [what: string, profile: () => Profile, because: RegExp][] = [
  ['a wrong API key', () => keyed('another-key'), /lets this client do nothing: .*unauthorized/],
  ['no API key', () => keyed(), /lets this client do nothing: .*unauthorized/],
];

describe.each([
  ['TemporalUntrusted', UNTRUSTED],
  ['TemporalDenied', DENIED],
] as const)('%s', (code, cases) => {
  it.each(cases)('%s', async (_what, profile, because) => {
    await writeProfile(profile());
    const started = startWorker();
    const { status, stdout } = await dray(['list', '--json'], env);
    const { worker, log } = await started;
    const { error } = JSON.parse(stdout) as { error: Record<string, string> };
    expect(error).toMatchObject({ code, message: expect.stringMatching(because) });
    expect(error['message']).toContain(profile().address);
    expect(status).toBe(5);
    expect((await worker).exitCode).toBe(5);
    const told = JSON.parse(log().trim().split('\n').at(-1) ?? '') as object;
    expect(told).toMatchObject({ code, msg: error['message'], do: error['whatToDo'] });
  });
});

it.each([
  [{ client_cert_path: '/nonexistent' }, /client_cert and client_key need each other/],
  [{ server_ca_cert_path: '/nonexistent' }, /ENOENT.*\/nonexistent/],
])('settings of TLS that cannot be used are bad input: %j', async (tls, because) => {
  await writeProfile({ address: proxies.mutual.address, tls });
  const { status, stdout } = await dray(['list', '--json'], env);
  const { error } = JSON.parse(stdout) as { error: Record<string, string> };
  expect(error).toMatchObject({ code: 'ConfigInvalid', message: expect.stringMatching(because) });
  expect(error['message']).toContain('profile lab');
  expect(status).toBe(2);
});

it('doctor says so as well, and looks at this machine all the same', async () => {
  await writeProfile(mutual(trusting()));
  const { status, stdout } = await dray(['doctor'], env);
  expect(status).toBe(5);
  expect(stdout).toMatch(/✗ no TLS connection with Temporal at .*asks for a client certificate/);
  expect(stdout).toContain('this machine');
});
