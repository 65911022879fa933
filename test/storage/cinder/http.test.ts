import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { ask } from '../../../storage/cinder/http.ts';

let server: Server;
let url: string;
let answer: (response: ServerResponse) => void;

beforeEach(async () => {
  server = createServer((_, response) => answer(response));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
});
afterEach(async () => {
  server.closeAllConnections();
  server.close();
  await once(server, 'close');
});

const get = () => ask(url, { method: 'GET', headers: {}, seconds: 0.3 });
const begin = (response: ServerResponse): void => {
  response.writeHead(200, { 'Content-Length': '100' }).write('half');
};

it('answers what came, whatever its status', async () => {
  answer = (response) => response.writeHead(503, { 'Retry-After': '1' }).end('sorry');
  expect(await get()).toMatchObject({
    ...{ status: 503, headers: { 'retry-after': '1' }, text: 'sorry' },
  });
});

it.each<[string, typeof answer, string]>([
  ['no answer', () => undefined, 'timeout'],
  ['an answer that stops in the middle', begin, 'timeout'],
  [
    'an answer that is cut off',
    (response) => {
      begin(response);
      setTimeout(() => response.destroy(), 50);
    },
    'aborted',
  ],
  ['a connection that is closed', (response) => response.destroy(), 'hang up'],
  ['a redirect to nowhere', (response) => response.writeHead(304).end(), 'HTTP 304'],
])('%s is none', async (_, does, because) => {
  answer = does;
  await expect(get()).rejects.toThrow(because);
});

it('a host that refuses connections has a reason, with several addresses too', async () => {
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  const question = { method: 'GET', headers: {}, seconds: 5 };
  await expect(ask(`http://localhost:${port}/`, question)).rejects.toThrow('ECONNREFUSED');
  await once(server.listen(0, '127.0.0.1'), 'listening');
});
