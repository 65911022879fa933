import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { CinderApi } from '../../../storage/cinder/api.ts';
import type { Auth } from '../../../storage/cinder/session.ts';
import { type Epoch, raiseEpoch } from '../../../system/epoch.ts';

type Answer = { status: number; body?: unknown; headers?: Record<string, string> };

let server: Server;
let api: CinderApi;
let newest: string;
let tokens: number;
let answers: Answer[];
let seen: IncomingHttpHeaders[];
let directory: string;
let epoch: Epoch;
let auth: Auth;

/** Answers the versions by itself, everything else with what comes next. */
beforeEach(async () => {
  [newest, tokens, answers, seen] = ['3.70', 1, [], []];
  server = createServer((request, response) => {
    const versions = { versions: [{ id: 'v3.0', version: newest, min_version: '3.0' }] };
    const isVersions = request.url === '/volume/v3/';
    if (!isVersions) seen.push(request.headers);
    const answer: Answer = isVersions ? { status: 200, body: versions } : answers.shift()!;
    const headers = { Connection: 'close', ...answer.headers };
    response.writeHead(answer.status, headers).end(JSON.stringify(answer.body));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/volume/v3/abc`;
  directory = await mkdtemp(join(tmpdir(), 'dray-api-'));
  epoch = await raiseEpoch(join(directory, 'epoch'), 'host-a');
  auth = {
    session: () => Promise.resolve({ url, token: `token${tokens}`, project: 'abc' }),
    forget: () => (tokens += 1),
  };
  api = new CinderApi('cinder', auth, epoch, 0.5);
});
afterEach(async () => {
  await rm(directory, { recursive: true });
  server.close();
  await once(server, 'close');
});

const thing = z.object({ thing: z.number() });
const get = (): Promise<{ thing: number }> => api.get('/things/1', thing);
const find = (): Promise<{ thing: number } | undefined> => api.find('/things/1', thing);
const fault = (name: string, code: number): Answer => ({
  status: code,
  body: { [name]: { code, message: `a ${name}` } },
});

it.each([
  ['3.70', 'volume 3.54', true],
  ['3.54', 'volume 3.54', true],
  ['3.50', 'volume 3.50', false],
])('speaks with a Cinder of %s as %s', async (version, header, knowsMode) => {
  newest = version;
  answers.push({ status: 200, body: { thing: 1, unknown: 2 } });
  expect(await get()).toEqual({ thing: 1 });
  expect(seen[0]).toMatchObject({ 'openstack-api-version': header, 'x-auth-token': 'token1' });
  expect(await api.knowsMode()).toBe(knowsMode);
});

it('does not speak with one before 3.44', async () => {
  newest = '3.43';
  await expect(get()).rejects.toMatchObject({ code: 'BackendTooOld', class: 'operator' });
});

it('renews a refused session once', async () => {
  answers.push({ status: 401 }, { status: 200, body: { thing: 1 } });
  expect(await get()).toEqual({ thing: 1 });
  expect(seen.map((headers) => headers['x-auth-token'])).toEqual(['token1', 'token2']);
  answers.push({ status: 401 }, { status: 401, body: { unauthorized: { message: 'go away' } } });
  await expect(get()).rejects.toMatchObject({
    code: 'BackendRefused',
    params: { what: 'GET /volume/v3/abc/things/1' },
  });
});

it('follows no redirect, and names where it leads without the rest of it', async () => {
  const Location = 'https://sso.example/login?ticket=a-canary';
  answers.push({ status: 302, headers: { Location } });
  const refused = await get().catch((error: unknown) => error);
  expect(refused).toMatchObject({ code: 'BackendUnavailable', class: 'retry' });
  expect(String(refused)).toContain('HTTP 302: a redirect to https://sso.example');
  expect(String(refused)).not.toContain('a-canary');
  expect(seen).toHaveLength(1);
});

it('sends no change once another worker has taken over, be it during the login', async () => {
  answers.push({ status: 200, body: { thing: 1 } }, { status: 200, body: { thing: 1 } });
  await get();
  const session = auth.session.bind(auth);
  auth.session = async () => {
    await writeFile(epoch.file, String(epoch.number + 1));
    return session();
  };
  await expect(api.send('POST', '/things', {})).rejects.toMatchObject({ code: 'WorkerSuperseded' });
  expect(seen).toHaveLength(1);
  expect(await get()).toEqual({ thing: 1 });
});

it.each([
  ['a role that is missing', fault('forbidden', 403), 'BackendRefused', 'a forbidden (HTTP 403)'],
  ['a quota', fault('overLimit', 413), 'BackendRefused', 'a overLimit'],
  ['a refusal', fault('badRequest', 400), 'BackendRefused', 'a badRequest'],
  ['a fault', fault('computeFault', 500), 'BackendUnavailable', 'a computeFault'],
  ['a proxy without Cinder', { status: 502, body: 'bad gateway' }, 'BackendUnavailable', 'bad'],
  ["a proxy's own 400", { status: 400, body: 'bad request' }, 'BackendUnavailable', 'bad'],
  [
    'an answer of another shape',
    { status: 200, body: { thing: 'one' } },
    'BackendUnavailable',
    'thing',
  ],
])('tells %s apart', async (_, answer, code, because) => {
  answers.push(answer, answer);
  await expect(get()).rejects.toMatchObject({ code });
  await expect(find()).rejects.toThrow(because);
});

describe('what is not there', () => {
  const gone = fault('itemNotFound', 404);

  it('is undefined where it may be gone, and an error where it has to be there', async () => {
    answers.push(gone, gone);
    expect(await find()).toBeUndefined();
    await expect(get()).rejects.toMatchObject({ code: 'BackendRefused' });
  });

  it.each([
    ['a page of a proxy', { status: 404, body: '<h1>Not Found</h1>' }],
    ['another service', { status: 404, body: { error: { code: 404, message: 'no route' } } }],
    ['another fault', fault('somethingElse', 404)],
  ])('is not told by %s', async (_, answer) => {
    answers.push(answer);
    await expect(find()).rejects.toMatchObject({ code: 'BackendUnavailable', class: 'retry' });
  });
});

describe('a rate limit', () => {
  const limit = (seconds: string, status = 413): Answer => ({
    ...fault('overLimit', 413),
    status,
    headers: { 'Retry-After': seconds },
  });
  const done = { status: 200, body: { thing: 1 } };

  it('is waited for, and the request sent again', async () => {
    answers.push(limit('0.1'), limit('0.1', 429), done);
    const before = performance.now();
    expect(await get()).toEqual({ thing: 1 });
    expect(performance.now() - before).toBeGreaterThan(190);
  });

  it('is waited for no longer in many parts than in one', async () => {
    answers.push(...Array.from({ length: 20 }, () => limit('0.2')));
    const before = performance.now();
    await expect(get()).rejects.toMatchObject({ code: 'BackendUnavailable', class: 'retry' });
    expect(performance.now() - before).toBeLessThan(1000);
    expect(seen.length).toBeLessThan(4);
    answers = [limit('60')];
    await expect(get()).rejects.toMatchObject({ code: 'BackendUnavailable' });
  });
});
