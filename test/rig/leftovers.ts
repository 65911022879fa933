import { execa } from 'execa';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { WORKFLOWS } from '../../contract/workflows.ts';
import { shortName } from '../../system/host-state.ts';
import type { Drayage } from './drayage.ts';
import { markedProcesses } from './marked.ts';
import { networksLeft } from './network.ts';

async function names(directory: string): Promise<string[]> {
  return readdir(directory).catch(() => []);
}

/** Targets (with their sessions) and accounts of the rig's tgtd, if it runs. */
async function atTgtd(rig: Drayage): Promise<string[]> {
  const ask = async (mode: string): Promise<string> => {
    const port = String(rig.controlPort);
    const argv = ['-C', port, '--lld', 'iscsi', '--mode', mode, '--op', 'show'];
    return (await execa('tgtadm', argv, { reject: false })).stdout;
  };
  const targets = (await ask('target'))
    .split('\n')
    .filter((line) => /^Target |I_T nexus: /.test(line));
  const accounts = (await ask('account')).split('\n').filter((line) => /^\s+\S/.test(line));
  return [...targets, ...accounts.map((line) => `account ${line.trim()}`)];
}

/** Whatever a copy writes down or makes, in the directories of workers and storage. */
async function inDirectories(rig: Drayage): Promise<string[]> {
  const found: string[] = [];
  const empty = [
    ...rig.states.flatMap((state) =>
      ['claims', 'attachments', 'copiers'].map((d) => join(state, d)),
    ),
    ...['exports', 'reservations'].map((name) => join(rig.storage, name)),
  ];
  for (const directory of empty) {
    for (const name of await names(directory))
      found.push(relative(rig.directory, join(directory, name)));
  }
  for (const name of await readdir(rig.directory, { recursive: true }).catch(() => [])) {
    if (/\.(tmp|new)$/.test(name)) found.push(name);
  }
  return found;
}

/** Locks on any file of the rig. */
async function locks(rig: Drayage): Promise<string[]> {
  const files = await readdir(rig.directory, { recursive: true }).catch(() => []);
  const inodes = new Map<string, string>();
  for (const file of files) {
    const found = await stat(join(rig.directory, file)).catch(() => undefined);
    if (found !== undefined) inodes.set(String(found.ino), file);
  }
  return (await readFile('/proc/locks', 'utf8'))
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter((words) => words[1] === 'FLOCK' && inodes.has(words[5]?.split(':')[2] ?? ''))
    .map((words) => `lock on ${inodes.get(words[5]!.split(':')[2]!)} by ${words[4]}`);
}

async function mounts(rig: Drayage): Promise<string[]> {
  const lines = (await readFile('/proc/self/mounts', 'utf8')).split('\n');
  return lines
    .filter((line) => line.includes(`${rig.directory}/`) && !line.includes(`${rig.storage} `))
    .map((line) => `mount ${line}`);
}

async function groups(rig: Drayage): Promise<string[]> {
  const ours = rig.states.map(
    (state) => `drayage-${shortName(join(state, 'copiers', 'tgt.destination'))}`,
  );
  const roots = await Promise.all(['/sys/fs/cgroup', '/sys/fs/cgroup/blkio'].map(names));
  return roots
    .flat()
    .filter((name) => ours.includes(name))
    .map((name) => `cgroup ${name}`);
}

/** Processes of the rig but its workers and, while a worker lives, its tgtd. */
async function processes(rig: Drayage): Promise<string[]> {
  const expected = rig.workers.filter((worker) => worker.isRunning).map((worker) => worker.pid);
  return (
    (await markedProcesses(rig.directory))
      .filter(({ pid }) => !expected.includes(pid))
      .filter(({ command }) => expected.length === 0 || !command.startsWith('tgtd -f'))
      // What a living worker asks every second: is tgtd still there?
      .filter(({ command }) => !/^tgtadm .* --op show/.test(command))
      .map(({ pid, command }) => `process ${pid}: ${command}`)
  );
}

/** One that looks for leaks holds nothing. */
async function workflows(rig: Drayage): Promise<string[]> {
  const found: string[] = [];
  const query = `ExecutionStatus = "Running" AND WorkflowType != "${WORKFLOWS.findLeaks}"`;
  const open = rig.client.workflow.list({ query });
  for await (const { workflowId } of open) found.push(`workflow ${workflowId}`);
  return found;
}

/** Network namespaces of rigs that have ended. */
async function networks({ network }: Drayage): Promise<string[]> {
  return (await networksLeft(network)).map((name) => `network namespace ${name}`);
}

/** Everything on this machine and at its tgtd that a copy should have taken back. */
export async function leftovers(rig: Drayage): Promise<string[]> {
  const looks = [atTgtd, inDirectories, locks, mounts, groups, processes, workflows, networks];
  return (await Promise.all(looks.map((look) => look(rig)))).flat();
}
