import type { HostDuties, HostReport, KeysOfHost } from '../../contract/examination.ts';
import { examineKeys } from '../../system/config/examine-keys.ts';
import { examineState } from '../../system/config/examine-state.ts';
import { currentKey, listKeys } from '../../system/config/keys.ts';
import type { HostContext } from '../context.ts';
import { examineIscsi } from './iscsi.ts';
import { examineKernel } from './kernel.ts';
import { examineTools } from './tools.ts';

async function keysOf(directory: string): Promise<KeysOfHost> {
  const opens = await listKeys(directory).catch(() => []);
  const seals = await currentKey(directory).catch(() => undefined);
  return { ...(seals === undefined ? {} : { seals: seals.id }), opens };
}

/** What this host has, and what it lacks for its duties. Changes nothing. */
export async function examineHost(
  host: HostContext,
  { connects, seals }: HostDuties,
): Promise<HostReport> {
  const clockMs = Date.now();
  const { root, keys } = host.state.dirs;
  const { ionice, bytesPerSecond, timetable } = host.copy;
  const findings = await Promise.all([
    examineTools(ionice !== undefined),
    examineIscsi(connects.includes('iscsi')),
    examineKernel(bytesPerSecond !== undefined || timetable !== undefined),
    examineState(root),
    examineKeys(keys, seals),
  ]);
  return { clockMs, keys: await keysOf(keys), findings: findings.flat() };
}
