import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';

export type Request = { method: string; path: string };

/** What happens to a request on its way. */
export type Fate =
  /** It is done, and its answer is lost. */
  | 'answer lost'
  /** It never arrives. */
  | 'request lost'
  /** Somebody else acts before it arrives. */
  | { first: () => Promise<unknown> }
  /** Something happens while Cinder is at it. */
  | { meanwhile: () => Promise<unknown> }
  /** Something happens when Cinder has done it, before its answer arrives. */
  | { then: () => Promise<unknown> }
  | { status: number; headers?: Record<string, string>; body?: unknown };

type Rule = { method: string; path: RegExp; fate: Fate };

/** After so long Cinder is at a request. Unit: milliseconds. */
const BEGUN_MS = 150;
/** What Cinder needs of the headers. */
const PASSED = ['x-auth-token', 'openstack-api-version', 'content-type'];

/** Stands between Drayage and a Cinder, and does to requests what a network and a proxy can do. */
export class Proxy {
  readonly #server = createServer((request, response) => {
    this.#pass(request, response).catch(() => response.destroy());
  });
  #rules: Rule[] = [];
  /** Every request that came, whatever became of it. */
  requests: Request[] = [];

  constructor(readonly target: string) {}

  async start(): Promise<void> {
    await once(this.#server.listen(0, '127.0.0.1'), 'listening');
  }

  get endpoint(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** The next request like this meets its fate; all others pass. */
  next(method: string, path: RegExp, fate: Fate): void {
    this.#rules.push({ method, path, fate });
  }

  /** How often a request like this has come. */
  count(method: string, path: RegExp): number {
    return this.requests.filter((seen) => seen.method === method && path.test(seen.path)).length;
  }

  forget(): void {
    this.#rules = [];
    this.requests = [];
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #fateOf({ method, path }: Request): Fate | undefined {
    const at = this.#rules.findIndex((rule) => rule.method === method && rule.path.test(path));
    return at < 0 ? undefined : this.#rules.splice(at, 1)[0]?.fate;
  }

  async #pass(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url: path = '' } = request;
    this.requests.push({ method, path });
    const fate = this.#fateOf({ method, path });
    const body = await text(request);
    if (fate === 'request lost') {
      response.destroy();
      return;
    }
    if (typeof fate === 'object' && 'first' in fate) await fate.first();
    if (typeof fate === 'object' && 'status' in fate) {
      response.writeHead(fate.status, fate.headers).end(JSON.stringify(fate.body ?? {}));
      return;
    }
    const headers: Record<string, string> = {};
    for (const name of PASSED) {
      const value = request.headers[name];
      if (typeof value === 'string') headers[name] = value;
    }
    const init = { method, headers, ...(body === '' ? {} : { body }) };
    const sent = fetch(this.target + path, init);
    // Who sends asks for it below, when this is over.
    sent.catch(() => undefined);
    if (typeof fate === 'object' && 'meanwhile' in fate) await sleep(BEGUN_MS).then(fate.meanwhile);
    const answer = await sent;
    const whole = await answer.text();
    if (typeof fate === 'object' && 'then' in fate) await fate.then();
    if (fate === 'answer lost') response.destroy();
    else response.writeHead(answer.status).end(whole);
  }
}
