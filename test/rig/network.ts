import { execa } from 'execa';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { MARK } from './marked.ts';

const FORWARD = fileURLToPath(new URL('./forward.js', import.meta.url));
/** Network namespaces are named below this directory. */
const NAMED = '/run/netns';
/** The same in every network: none of them knows of another. */
export const STORAGE_IP = '10.77.0.1';
const TEMPORAL_PORT = 7233;

const ip = (...args: string[]): Promise<unknown> => execa('ip', args);

/** Begins the names of one process: rigs of others come and go meanwhile. */
const OWN = `dray-${process.pid}-`;
let count = 0;

/** Namespaces that this process has made for a network other than this one. */
export async function networksLeft(current: Network | undefined): Promise<string[]> {
  const names = await readdir(NAMED).catch(() => []);
  return names.filter(
    (name) => name.startsWith(OWN) && !(current && name.startsWith(`${current.name}-`)),
  );
}

/** Everybody on a bridge of the storage, each in a network namespace of its own. */
export class Network {
  readonly #hosts: string[] = [];
  #forward: ChildProcess | undefined;
  #server: Server | undefined;
  readonly #sockets = new Set<Socket>();

  /** Begins the name of each namespace. */
  readonly name = `${OWN}${(count += 1)}`;

  private constructor(readonly directory: string) {}

  /** `address`: of a Temporal server on loopback, which everybody reaches at `temporal`. */
  static async make(directory: string, address: string): Promise<Network> {
    const network = new Network(directory);
    try {
      await network.#makeStorage();
      await network.#forwardTo(address);
    } catch (error) {
      await network.close();
      throw error;
    }
    return network;
  }

  readonly temporal = `${STORAGE_IP}:${TEMPORAL_PORT}`;

  #named(host: string): string {
    return `${this.name}-${host}`;
  }

  /** Words before a command: it then runs in a host's network, and sees all mounts. */
  enter(host: string): string[] {
    return ['nsenter', `--net=${join(NAMED, this.#named(host))}`, '--'];
  }

  async #add(host: string): Promise<string> {
    const named = this.#named(host);
    await ip('netns', 'add', named);
    this.#hosts.push(host);
    await ip('-n', named, 'link', 'set', 'lo', 'up');
    // What was sent into a cut line is given up within seconds, not after a quarter of an hour.
    const retries = 'echo 4 > /proc/sys/net/ipv4/tcp_retries2';
    const [enter = '', ...words] = this.enter(host);
    await execa(enter, [...words, 'sh', '-c', retries]);
    return named;
  }

  async #makeStorage(): Promise<void> {
    const storage = await this.#add('storage');
    await ip('-n', storage, 'link', 'add', 'bridge', 'type', 'bridge');
    await ip('-n', storage, 'address', 'add', `${STORAGE_IP}/24`, 'dev', 'bridge');
    await ip('-n', storage, 'link', 'set', 'bridge', 'up');
  }

  async addHost(host: string): Promise<void> {
    const [storage, named] = [this.#named('storage'), await this.#add(host)];
    const number = String(this.#hosts.length);
    await ip('-n', storage, 'link', 'add', host, 'type', 'veth', 'peer', 'eth0', 'netns', named);
    await ip('-n', storage, 'link', 'set', host, 'master', 'bridge', 'up');
    await ip('-n', named, 'address', 'add', `10.77.0.${number}/24`, 'dev', 'eth0');
    await ip('-n', named, 'link', 'set', 'eth0', 'up');
  }

  /** Nothing comes through from or to the host any more, and nobody is told. */
  async cut(host: string): Promise<void> {
    await ip('-n', this.#named('storage'), 'link', 'set', host, 'down');
  }

  async join(host: string): Promise<void> {
    await ip('-n', this.#named('storage'), 'link', 'set', host, 'up');
  }

  /** Sockets of the file system are the same in every network. */
  async #forwardTo(address: string): Promise<void> {
    const path = join(this.directory, 'temporal.sock');
    const [host, port] = address.split(':');
    this.#server = createServer((inside) => {
      const outside = connect(Number(port), host);
      for (const [one, other] of [
        [inside, outside],
        [outside, inside],
      ] as const) {
        this.#sockets.add(one);
        one.pipe(other);
        one.on('error', () => one.destroy());
        one.on('close', () => {
          this.#sockets.delete(one);
          other.destroy();
        });
      }
    }).listen(path);
    await once(this.#server, 'listening');
    const node = [process.execPath, FORWARD, STORAGE_IP, String(TEMPORAL_PORT), path];
    this.#forward = spawn(
      'setpriv',
      ['--pdeathsig', 'KILL', '--', ...this.enter('storage'), ...node],
      { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, [MARK]: `${this.name}-net` } },
    );
    await once(this.#forward.stdout!, 'data');
  }

  /** Only once nothing runs in any of them. */
  async close(): Promise<void> {
    if (this.#forward?.exitCode === null) {
      const ended = once(this.#forward, 'exit');
      this.#forward.kill('SIGKILL');
      await ended;
    }
    for (const socket of this.#sockets) socket.destroy();
    this.#server?.close();
    for (const host of this.#hosts.splice(0)) await ip('netns', 'delete', this.#named(host));
  }
}
