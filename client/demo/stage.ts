import { mkdir, mkdtemp, realpath, rm, statfs, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DrayError } from '../../contract/errors.ts';
import type { VolumeRef } from '../../contract/volume.ts';
import { loadConfig } from '../../system/config/load.ts';
import type { Config } from '../../system/config/schema.ts';
import type { DemoOptions, Storage } from './options.ts';
import { freeControlPort, freePort } from './ports.ts';

/** The demo's own world: everything it makes lies in one directory or is found from it. */
export type Stage = {
  directory: string;
  storage: Storage;
  /** Settings of server and worker. */
  configFile: string;
  stateDir: string;
  /** Root of the one backend. */
  root: string;
  logs: string;
  uiUrl: string;
  /** Of the tgtd that the backend starts. */
  controlPort: number;
  source: VolumeRef;
  destination: VolumeRef;
  /** The same settings for this process, deaf to the environment. */
  config: Config;
};

/** The raw file of a volume. */
export const rawFile = ({ root }: Pick<Stage, 'root'>, { id }: VolumeRef): string =>
  join(root, 'volumes', `${id}.raw`);

/** What the database, the logs and the checkpoints take beside two volumes. Unit: bytes. */
const EXTRA_BYTES = 64 * 2 ** 20;

async function makeDirectory(sizeBytes: number): Promise<string> {
  const parent = await realpath(tmpdir());
  const { bavail, bsize } = await statfs(parent);
  if (bavail * bsize < 2 * sizeBytes + EXTRA_BYTES) {
    throw new DrayError('StorageFull', { path: parent });
  }
  return mkdtemp(join(parent, 'dray-demo-'));
}

/** @throws StorageFull when two volumes do not fit, before anything is made */
export async function setStage(options: DemoOptions): Promise<Stage> {
  const { sizeBytes, storage, temporalBinary } = options;
  const port = await freePort([]);
  const uiPort = await freePort([port]);
  const portal = `127.0.0.1:${await freePort([port, uiPort])}`;
  const controlPort = freeControlPort();
  const directory = await makeDirectory(sizeBytes);
  const [stateDir, root, logs] = ['state', 'storage', 'logs'].map((name) => join(directory, name));
  const backend =
    storage === 'file'
      ? { type: 'file', root }
      : { type: 'tgt', root, managed: true, controlPort, portal };
  const settings = {
    host: 'demo',
    stateDir,
    temporal: { port, uiPort, namespace: 'default', binary: temporalBinary },
    backends: { [storage]: backend },
    // A worker that was killed is to be noticed while people watch.
    limits: { heartbeatSeconds: 3, retryMaximumSeconds: 2 },
    log: { format: 'json' },
  };
  const configFile = join(directory, 'config.yaml');
  // YAML is a superset of JSON.
  await writeFile(configFile, `${JSON.stringify(settings, undefined, 2)}\n`);
  await mkdir(logs as string);
  const config = loadConfig(configFile);
  return {
    directory,
    storage,
    configFile,
    stateDir: stateDir as string,
    root: root as string,
    logs: logs as string,
    uiUrl: `http://127.0.0.1:${uiPort}`,
    controlPort,
    source: { backend: storage, id: 'source' },
    destination: { backend: storage, id: 'copy' },
    config: { ...config, temporal: { ...config.temporal, address: `127.0.0.1:${port}` } },
  };
}

export async function strikeStage({ directory }: Stage): Promise<void> {
  await rm(directory, { recursive: true, force: true });
}
