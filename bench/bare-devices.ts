import { link, mkdir, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import {
  defaultInitiator,
  connectorProperties,
  openConnectors,
} from '../connectors/open-connectors.ts';
import type { Attachment, Device } from '../contract/attachment.ts';
import type { CopyEnds } from '../contract/copy.ts';
import type { Role } from '../contract/volume.ts';
import { TgtBackend } from '../storage/tgt/tgt.ts';
import { raiseEpoch } from '../system/epoch.ts';
import { makeStateDirs, stateDirs } from '../system/host-state.ts';
import type { Log } from '../system/log.ts';
import { DESTINATION, rawFile, rootOf, SOURCE, type Stage } from './stage.ts';
import type { Storage } from './options.ts';

/** The ends a bare dd is given, attached for as long as it is measured. */
export type BareDevices = CopyEnds & { detach: () => Promise<void> };

const NAME = 'bare';

async function fileDevices(stage: Stage): Promise<BareDevices> {
  const device = async (id: string, accessMode: 'ro' | 'rw'): Promise<Device> => {
    const path = rawFile(stage, 'file', id);
    return { path, sizeBytes: (await stat(path)).size, accessMode };
  };
  const [source, destination] = [await device(SOURCE, 'ro'), await device(DESTINATION, 'rw')];
  return { source, destination, detach: () => Promise.resolve() };
}

function attachmentOf(id: string, role: Role): Attachment {
  const volume = (name: string) => ({ backend: NAME, id: name });
  return {
    id: `${NAME}.${role}`,
    volume: volume(id),
    role,
    accessMode: role === 'source' ? 'ro' : 'rw',
    owner: {
      namespace: 'default',
      workflowId: NAME,
      firstRunId: '',
      hostId: NAME,
      destination: volume(DESTINATION),
    },
  };
}

const quiet = (): void => undefined;
const log: Log = { debug: quiet, info: quiet, warn: quiet, error: quiet };

/**
 * The very same files once more, under other names, as targets of their own at the worker's tgtd,
 * connected by the product's own code: what dd and Drayage copy differs in nothing.
 */
async function iscsiDevices(stage: Stage): Promise<BareDevices> {
  const settings = stage.config.backends['iscsi'];
  if (settings?.type !== 'tgt') throw new Error('there is no iSCSI storage');
  const bare = { directory: join(stage.directory, NAME) };
  const root = rootOf(bare, 'iscsi');
  const dirs = stateDirs(join(bare.directory, 'state'));
  await makeStateDirs(dirs);
  const epoch = await raiseEpoch(join(dirs.root, 'epoch'), NAME);
  const keys = join(stage.config.stateDir, 'keys');
  const context = { hostId: NAME, epoch, keys, stateRoot: dirs.root, log };
  const backend = new TgtBackend(NAME, { ...settings, root, managed: false }, context);
  await backend.open();
  for (const id of [SOURCE, DESTINATION]) {
    const path = rawFile(bare, 'iscsi', id);
    await mkdir(dirname(path), { recursive: true });
    await link(rawFile(stage, 'iscsi', id), path);
  }
  const initiator = defaultInitiator(NAME);
  const connectors = openConnectors({ epoch, initiator, attachmentsDir: dirs.attachments });
  const properties = await connectorProperties(NAME, connectors, initiator);
  const attach = async (attachment: Attachment): Promise<Device> => {
    await backend.createExport(attachment, properties);
    const info = await backend.initializeConnection(attachment, properties);
    return connectors.iscsi.connectVolume(attachment, info);
  };
  const detach = async (attachment: Attachment): Promise<void> => {
    await connectors.iscsi.disconnectVolume(attachment, undefined, undefined, false);
    await backend.terminateConnection(attachment, properties, false);
    await backend.removeExport(attachment);
  };
  const [from, to] = [attachmentOf(SOURCE, 'source'), attachmentOf(DESTINATION, 'destination')];
  return {
    source: await attach(from),
    destination: await attach(to),
    detach: async () => {
      await detach(from);
      await detach(to);
      await backend.close();
      await rm(bare.directory, { recursive: true });
    },
  };
}

/** Both volumes as devices of this machine, beside whatever Drayage does with them. */
export async function attachBare(stage: Stage, storage: Storage): Promise<BareDevices> {
  return storage === 'file' ? fileDevices(stage) : iscsiDevices(stage);
}
