import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { execa } from 'execa';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Drayage } from './drayage.ts';

export const EVIDENCE = join(import.meta.dirname, '../.evidence');

/** Keeps what tells why a test failed: logs, histories, state, and what still runs. */
export async function keepEvidence(rig: Drayage, name: string, error: unknown): Promise<void> {
  const directory = join(EVIDENCE, name.replace(/[^A-Za-z0-9.]+/g, '-').slice(0, 120));
  await rm(directory, { recursive: true, force: true });
  await mkdir(directory, { recursive: true });
  await writeFile(join(directory, 'error.txt'), String((error as Error).stack ?? error));
  const look = async (file: string, script: string): Promise<void> => {
    const { stdout } = await execa('sh', ['-c', script, 'look', rig.directory, directory], {
      reject: false,
      timeout: 20_000,
    });
    await writeFile(join(directory, file), stdout);
  };
  await look('files.txt', 'find "$1" -xdev -ls');
  await look(
    'state.txt',
    'cd "$1" && grep -r "" --include=*.json --include=lease --include=epoch state* storage',
  );
  await look(
    'copied.txt',
    'cp "$1"/*.log "$1"/*.yaml "$2"; cp "$1"/storage/tgtd/log "$2"/tgtd.log',
  );
  await look('processes.txt', 'ps -eo pid,ppid,stat,lstart,args');
  await look('mounts.txt', 'cat /proc/self/mounts /proc/locks');
  await look('tgtd.txt', `tgtadm -C ${rig.controlPort} --lld iscsi --mode target --op show`);
  for await (const { workflowId, runId } of rig.client.workflow.list()) {
    const handle = rig.client.workflow.getHandle(workflowId, runId);
    const history = historyToJSON(await handle.fetchHistory());
    const file = `${workflowId.replaceAll('/', '_').slice(0, 80)}.${runId}.json`;
    await writeFile(join(directory, file), history);
  }
}
