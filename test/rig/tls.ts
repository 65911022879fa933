import { execa } from 'execa';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import {
  connect as connectH2,
  createSecureServer,
  type IncomingHttpHeaders,
  type ServerHttp2Stream,
} from 'node:http2';
import { writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { whyRefused } from '../../system/config/refused.ts';
import { until } from './poll.ts';
import { fixedPort } from './ports.ts';

export type Certified = { cert: string; key: string };

/** A small certificate authority in a directory; files as PEM. */
export class Authority {
  constructor(
    readonly directory: string,
    readonly name: string,
  ) {}

  file(name: string): string {
    return join(this.directory, name);
  }

  get certificate(): string {
    return this.file(`${this.name}.pem`);
  }

  /** A key, and what is made from it: a certificate, or the request for one. */
  async #make(name: string, out: string, ...more: string[]): Promise<string> {
    const key = this.file(`${name}.key`);
    const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
    const files = ['-keyout', key, '-out', out, '-subj', `/CN=${name}`];
    await execa('openssl', ['req', ...kind, ...files, ...more]);
    return key;
  }

  async create(): Promise<this> {
    await this.#make(this.name, this.certificate, '-x509', '-days', '2');
    return this;
  }

  /** For a server at 127.0.0.1 and for clients; a negative number of days: it has expired. */
  async certify(name: string, days = 2): Promise<Certified> {
    const [request, cert] = [this.file(`${name}.csr`), this.file(`${name}.pem`)];
    const leaf = ['subjectAltName=IP:127.0.0.1', 'basicConstraints=critical,CA:FALSE'];
    const key = await this.#make(name, request, '-new', ...leaf.flatMap((e) => ['-addext', e]));
    const signer = ['-CA', this.certificate, '-CAkey', this.file(`${this.name}.key`)];
    const copied = ['-copy_extensions', 'copy', '-days', String(days)];
    const made = ['-in', request, '-out', cert, ...signer, ...copied];
    await execa('openssl', ['x509', '-req', ...made]);
    return { cert, key };
  }
}

export type Proxy = { address: string; close: () => Promise<void> };

/** HAProxy, which ends TLS before a server: with clients that an authority has certified, or all. */
export async function startTlsProxy(
  target: string,
  server: Certified,
  clients?: Authority,
): Promise<Proxy> {
  const [pem, file] = [`${server.cert}.with-key`, `${server.cert}.haproxy`];
  await writeFile(pem, readFileSync(server.cert, 'utf8') + readFileSync(server.key, 'utf8'));
  const address = `127.0.0.1:${await fixedPort()}`;
  const verify = clients === undefined ? '' : `ca-file ${clients.certificate} verify required`;
  const timeouts = 'timeout connect 5s\n timeout client 1h\n timeout server 1h';
  const listener = `listen temporal\n bind ${address} ssl crt ${pem} alpn h2 ${verify}`;
  await writeFile(file, `defaults\n mode tcp\n ${timeouts}\n${listener}\n server s ${target}\n`);
  const words = ['--pdeathsig', 'KILL', 'haproxy', '-db', '-f', file];
  const proxy = execa('setpriv', words, { reject: false, all: true });
  await until('haproxy listens', async () => {
    if (proxy.exitCode !== null) throw new Error((await proxy).all);
    return (await whyRefused(address)) === undefined;
  });
  return {
    address,
    close: async () => {
      proxy.kill('SIGKILL');
      await proxy;
    },
  };
}

/** What each connection has for itself. */
const OF_THE_HOP = [':scheme', ':authority'];

/** gRPC status 16, as Temporal's own frontends answer a key that they do not know. */
const UNAUTHENTICATED = {
  ':status': 200,
  'content-type': 'application/grpc',
  'grpc-status': '16',
  'grpc-message': 'Request unauthorized.',
};

/** Ends TLS and passes on only what has the API key as its bearer token. */
export async function startKeyProxy(
  target: string,
  server: Certified,
  apiKey: string,
): Promise<Proxy> {
  const behind = connectH2(`http://${target}`);
  behind.on('error', () => undefined);
  const proxy = createSecureServer({
    cert: readFileSync(server.cert),
    key: readFileSync(server.key),
  });
  const sessions = new Set<{ destroy: () => void }>();
  proxy.on('session', (session) => sessions.add(session));
  proxy.on('stream', (stream: ServerHttp2Stream, headers) => {
    stream.on('error', () => undefined);
    if (headers.authorization !== `Bearer ${apiKey}`) {
      stream.respond(UNAUTHENTICATED, { endStream: true });
      return;
    }
    const own = Object.entries(headers).filter(([name]) => !OF_THE_HOP.includes(name));
    const request = behind.request(Object.fromEntries(own));
    request.on('error', () => stream.close());
    stream.on('close', () => request.close());
    stream.pipe(request);
    request.on('response', (answer, flags) => {
      const isAll = (flags & 0x1) !== 0;
      stream.respond(answer, { endStream: isAll, waitForTrailers: !isAll });
      let trailers: IncomingHttpHeaders = {};
      request.on('trailers', (found: IncomingHttpHeaders) => {
        trailers = found;
      });
      stream.on('wantTrailers', () => stream.sendTrailers(trailers));
      if (!isAll) request.pipe(stream);
    });
  });
  await once(proxy.listen(0, '127.0.0.1'), 'listening');
  return {
    address: `127.0.0.1:${(proxy.address() as AddressInfo).port}`,
    close: async () => {
      for (const session of sessions) session.destroy();
      behind.destroy();
      proxy.close();
      await once(proxy, 'close');
    },
  };
}
