import type { Client } from '@temporalio/client';
import type { Protocol } from '../../../contract/attachment.ts';
import { type Finding, type HostToExamine, well } from '../../../contract/examination.ts';
import { parseVolume } from '../../../contract/volume.ts';
import type { BackendConfig, Config } from '../../../system/config/schema.ts';
import { listViews } from '../list.ts';
import type { WorkflowView } from '../workflow-view.ts';
import { look } from './look.ts';

/** How volumes of a backend reach a host. */
const PROTOCOLS: Record<BackendConfig['type'], Protocol> = {
  file: 'local',
  tgt: 'iscsi',
  cinder: 'iscsi',
};

const CHECK = 'temporal.copies';

export type KnownPlaces = {
  /** Hosts and backends that have to work. */
  hosts: HostToExamine[];
  backends: string[];
  /** Of the hosts those that a person or an open copy names as movers. */
  movers: Set<string>;
  /** Whether open copies could be listed. */
  findings: Finding[];
};

const isSealed = (protocol: Protocol): boolean => protocol !== 'local';

/**
 * Temporal has no list of queues: known are what the configuration names, what open copies use, and
 * the hosts asked for (default: this host), which have to be able to connect every backend.
 */
export async function knownPlaces(
  client: Client,
  config: Config,
  asked: readonly string[] | undefined,
): Promise<KnownPlaces> {
  const runs: WorkflowView[] = [];
  const findings = await look(CHECK, async () => {
    runs.push(...(await listViews(client, true)));
    return well(CHECK, `open copies, comparisons and releases: ${runs.length}`);
  });
  const configured = Object.entries(config.backends);
  const protocols = [...new Set(configured.map(([, { type }]) => PROTOCOLS[type]))];
  const hosts = new Map<string, HostToExamine>();
  for (const [, { type, host = config.host }] of configured) {
    const seals = isSealed(PROTOCOLS[type]) || hosts.get(host)?.seals === true;
    hosts.set(host, { host, connects: [], seals });
  }
  const movers = new Set([...(asked ?? []), ...runs.map((run) => run.host).filter(Boolean)]);
  for (const host of asked === undefined ? [config.host, ...movers] : movers) {
    const seals = protocols.some(isSealed) || hosts.get(host)?.seals === true;
    hosts.set(host, { host, connects: protocols, seals });
  }
  const used = runs.flatMap(({ source, destination }) => [source, destination]);
  const backends = [
    ...configured.map(([name]) => name),
    ...used.flatMap((volume) => parseVolume(volume)?.backend ?? []),
  ];
  return { hosts: [...hosts.values()], backends: [...new Set(backends)], movers, findings };
}
