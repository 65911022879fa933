import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Attachment, ConnectorProperties } from '../../contract/attachment.ts';
import type { Backend } from '../../storage/backend.ts';
import { openBackend, type BackendContext } from '../../storage/open-backend.ts';
import { createKey } from '../../system/config/keys.ts';
import type { BackendConfig } from '../../system/config/schema.ts';
import { raiseEpoch } from '../../system/epoch.ts';

export const HOST = 'host-a';
export const INITIATOR = 'iqn.2026-11.io.drayage.test:host-a';
export const MIB = 1024 * 1024;

export const properties: ConnectorProperties = {
  host: HOST,
  ip: '127.0.0.1',
  platform: 'x86_64',
  os_type: 'linux',
  multipath: false,
  do_local_attach: false,
  initiator: INITIATOR,
  protocols: ['local', 'iscsi'],
  unavailable: {},
};

/** A worker's surroundings in a directory of their own. */
export type Workbench = {
  directory: string;
  root: string;
  context: BackendContext;
  complaints: string[];
  open(config: BackendConfig): Promise<Backend>;
  remove(): Promise<void>;
};

export const BACKEND = 'store';

export async function makeWorkbench(): Promise<Workbench> {
  const directory = await mkdtemp(join(tmpdir(), 'dray-storage-'));
  const keys = join(directory, 'keys');
  await createKey(keys);
  const complaints: string[] = [];
  const complain = (message: string, facts?: object): void => {
    complaints.push(`${message} ${JSON.stringify(facts)}`);
  };
  const context: BackendContext = {
    hostId: HOST,
    epoch: await raiseEpoch(join(directory, 'epoch'), HOST),
    keys,
    stateRoot: join(directory, 'state'),
    log: { info: () => undefined, warn: complain, error: complain },
  };
  return {
    directory,
    root: join(directory, 'root'),
    context,
    complaints,
    async open(config) {
      const backend = openBackend(BACKEND, config, context);
      await backend.open();
      return backend;
    },
    remove: () => rm(directory, { recursive: true }),
  };
}

/** What a test leaves at its backend is taken back, and the backend closed. */
export async function closeBackend(backend: Backend): Promise<void> {
  for (const held of await backend.listReservations()) {
    await backend.terminateConnection(held, properties, true);
    await backend.removeExport(held);
  }
  await backend.close();
}

export function attachmentOf(
  volumeId: string,
  name: string,
  accessMode: 'ro' | 'rw' = 'rw',
): Attachment {
  const volume = { backend: BACKEND, id: volumeId };
  return {
    id: `copy.store.${volumeId}.${name}.0`,
    volume,
    role: accessMode === 'ro' ? 'source' : 'destination',
    accessMode,
    owner: {
      namespace: 'default',
      workflowId: `copy/${name}`,
      firstRunId: '0198f0f0-1111-7222-8333-444455556666',
      hostId: HOST,
      destination: volume,
    },
  };
}
