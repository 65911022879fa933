import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

export type Row = {
  id: string;
  volume_id: string;
  status: string;
  instance: string | null;
  connection_info: Record<string, unknown>;
};
export type FakeVolume = Record<string, unknown> & { id: string; name: string; status: string };

type Wanted = { method: string; url: URL; body: Record<string, Record<string, never>> };
type Reply = { status: number; body?: unknown };

const fault = (status: number, name: string, message: string): Reply => ({
  status,
  body: { [name]: { code: status, message } },
});
const notFound = (what: string): Reply => fault(404, 'itemNotFound', `${what} could not be found`);

/** Highest of a volume's attachments first (cinder/db/sqlalchemy/api.py: volume_detached). */
const STATES = [
  ['attached', 'in-use'],
  ['attaching', 'attaching'],
  ['reserved', 'reserved'],
] as const;

/**
 * Cinder's answers and states as far as Drayage asks for them, in memory; what a real one does is
 * tested by `npm run test:cinder`. Lists come in pages of two.
 */
export class FakeCinder {
  readonly project = 'abc123';
  readonly volumes = new Map<string, FakeVolume>();
  readonly attachments = new Map<string, Row>();
  /** How often a volume is still seen as `creating` or `deleting`. */
  slowness = 1;
  /** State that every new volume comes into. */
  makes = 'available';
  readonly #server = createServer((request, response) => void this.#answer(request, response));

  async start(): Promise<void> {
    await once(this.#server.listen(0, '127.0.0.1'), 'listening');
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  get endpoint(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** A volume of 1 GiB as somebody else makes it; answers its id. */
  makeVolume(facts: Record<string, unknown> = {}): string {
    const id = randomUUID();
    this.volumes.set(id, { id, name: '', status: 'available', size: 1, metadata: {}, ...facts });
    return id;
  }

  /** An attachment as somebody else makes it. */
  reserve(volume_id: string, facts: Partial<Row> = {}): Row {
    const row = { id: randomUUID(), volume_id, status: 'reserved', ...facts };
    const whole = { instance: null, connection_info: {}, ...row };
    this.attachments.set(row.id, whole);
    this.#settle(volume_id);
    return whole;
  }

  /** As somebody else deletes it. */
  detach(id: string): void {
    const row = this.attachments.get(id);
    this.attachments.delete(id);
    if (row !== undefined) this.#settle(row.volume_id);
  }

  of(volumeId: string): Row[] {
    return [...this.attachments.values()].filter((row) => row.volume_id === volumeId);
  }

  #settle(volumeId: string): void {
    const rows = this.of(volumeId).map(({ status }) => status);
    const state = STATES.find(([status]) => rows.includes(status))?.[1] ?? 'available';
    this.volumes.get(volumeId)!.status = state;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '', this.endpoint);
    const sent = await text(request);
    const body = (sent === '' ? {} : JSON.parse(sent)) as Wanted['body'];
    const reply = this.#route({ method: request.method ?? '', url, body });
    response.writeHead(reply.status).end(reply.body && JSON.stringify(reply.body));
  }

  #route(wanted: Wanted): Reply {
    const { pathname } = wanted.url;
    const version = { id: 'v3.0', version: '3.70', min_version: '3.0' };
    if (pathname === '/v3/') return { status: 200, body: { versions: [version] } };
    const [, api, project, kind, id, rest] = pathname.split('/');
    if (api !== 'v3') return { status: 404, body: 'Not Found' };
    if (project === undefined || !/^[0-9a-f-]+$/.test(project)) {
      return fault(400, 'badRequest', 'Malformed request url');
    }
    // Every project may ask, and has its own.
    if (project !== this.project) {
      return id === undefined || id === 'detail'
        ? { status: 200, body: { [kind!]: [] } }
        : notFound(id);
    }
    return kind === 'volumes'
      ? this.#aboutVolumes(wanted, id)
      : this.#aboutAttachments(wanted, id, rest);
  }

  #page<T extends { id: string }>(all: T[], { searchParams }: URL): T[] {
    const marker = searchParams.get('marker');
    const from = marker === null ? 0 : all.findIndex(({ id }) => id === marker) + 1;
    return all.slice(from, from + 2);
  }

  #aboutVolumes({ method, url, body }: Wanted, id?: string): Reply {
    if (method === 'POST') {
      const made = this.makeVolume({ ...body['volume'], status: 'creating', polls: this.slowness });
      return { status: 202, body: { volume: this.volumes.get(made) } };
    }
    if (id === 'detail') {
      const name = url.searchParams.get('name');
      const all = [...this.volumes.values()].filter((v) => name === null || v.name === name);
      const volumes = this.#page(all, url);
      const isLast = volumes.at(-1) === all.at(-1);
      return { status: 200, body: { volumes, volumes_links: isLast ? [] : [{ rel: 'next' }] } };
    }
    const volume = this.volumes.get(id ?? '');
    if (volume === undefined) return notFound(`Volume ${id}`);
    if (method === 'DELETE') {
      if (volume.status !== 'available' && !volume.status.startsWith('error')) {
        return fault(400, 'badRequest', 'Volume status must be available or error');
      }
      Object.assign(volume, { status: 'deleting', polls: this.slowness });
      return { status: 202 };
    }
    const seen = { ...volume };
    this.#goOn(volume);
    return { status: 200, body: { volume: seen } };
  }

  /** Cinder answers first and acts later. */
  #goOn(volume: FakeVolume): void {
    const polls = Number(volume['polls'] ?? 0);
    volume['polls'] = polls - 1;
    if (polls > 1) return;
    if (volume.status === 'creating') volume.status = this.makes;
    if (volume.status === 'deleting') this.volumes.delete(volume.id);
  }

  #aboutAttachments({ method, url, body }: Wanted, id?: string, rest?: string): Reply {
    if (id === 'detail') {
      const volumeId = url.searchParams.get('volume_id');
      const all = volumeId === null ? [...this.attachments.values()] : this.of(volumeId);
      const marker = url.searchParams.get('marker');
      if (marker !== null && !this.attachments.has(marker)) return notFound(marker);
      return { status: 200, body: { attachments: this.#page(all, url) } };
    }
    if (id === undefined) return this.#reserveOnce(String(body['attachment']?.['volume_uuid']));
    const row = this.attachments.get(id);
    if (row === undefined) return notFound(`Attachment ${id}`);
    if (method === 'DELETE') {
      this.detach(id);
      return { status: 200, body: { attachments: [] } };
    }
    if (method === 'PUT') this.#connect(row);
    if (rest === 'action') row.status = 'attached';
    if (method !== 'GET') this.#settle(row.volume_id);
    return rest === 'action' ? { status: 204 } : { status: 200, body: { attachment: row } };
  }

  #reserveOnce(volumeId: string): Reply {
    const volume = this.volumes.get(volumeId);
    if (volume === undefined) return notFound(`Volume ${volumeId}`);
    const isShared = volume['multiattach'] === true && volume.status === 'in-use';
    if (volume.status !== 'available' && !isShared) {
      return fault(400, 'badRequest', `Volume ${volumeId} status must be available`);
    }
    return { status: 200, body: { attachment: this.reserve(volumeId) } };
  }

  #connect(row: Row): void {
    if (row.status === 'reserved') row.status = 'attaching';
    row.connection_info = {
      driver_volume_type: 'iscsi',
      volume_id: row.volume_id,
      target_portal: '127.0.0.1:3260',
      target_iqn: `iqn.2010-10.org.openstack:volume-${row.volume_id}`,
      target_lun: 1,
      auth_method: 'CHAP',
      auth_username: 'user',
      auth_password: 'secret-of-the-target',
      encrypted: false,
      access_mode: 'rw',
    };
  }
}
