import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, mkdtemp, open, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AccessMode, Attachment } from '../../contract/attachment.ts';
import type { IscsiContext } from '../../connectors/iscsi/connector.ts';
import { findProcesses } from '../../system/processes.ts';
import { listMounts } from '../../connectors/mounts.ts';

export const MIB = 1024 * 1024;

/** A directory of the test's own with a host's epoch file and its attachments. */
export type TestHost = { root: string; context: IscsiContext; remove: () => Promise<void> };

export async function testHost(): Promise<TestHost> {
  const root = await realpath(await mkdtemp(join(tmpdir(), 'dray-connectors-')));
  const attachmentsDir = join(root, 'attachments');
  const file = join(root, 'epoch');
  await mkdir(attachmentsDir);
  await writeFile(file, '1\n');
  const context: IscsiContext = {
    epoch: { number: 1, file, hostId: 'mover' },
    initiator: 'iqn.2026-11.io.drayage:mover',
    attachmentsDir,
  };
  return { root, context, remove: () => rm(root, { recursive: true, force: true }) };
}

export function testAttachment(accessMode: AccessMode = 'rw'): Attachment {
  const role = accessMode === 'rw' ? 'destination' : 'source';
  return {
    id: `copy.test.${randomBytes(8).toString('hex')}.${role}.0`,
    volume: { backend: 'test', id: 'disk1' },
    role,
    accessMode,
    owner: {
      namespace: 'default',
      workflowId: 'copy/test:disk0',
      firstRunId: 'run',
      hostId: 'mover',
      destination: { backend: 'test', id: 'disk1' },
    },
  };
}

/** Daemons and mounts below a directory: what a test must not leave. */
export async function leftovers(root: string): Promise<string[]> {
  const daemons = await findProcesses('qemu-storage-daemon', root);
  const mounts = (await listMounts()).filter((mount) => mount.point.startsWith(root));
  return [
    ...daemons.map((daemon) => `process ${daemon.pid}`),
    ...mounts.map((mount) => `mount ${mount.point}`),
  ];
}

/** A process that has the path open; killed with SIGKILL by `end`. */
export async function holdOpen(
  path: string,
  flags: 'r' | 'r+',
): Promise<{ pid: number; end: () => Promise<void> }> {
  const file = await open(path, flags);
  try {
    const child = spawn('sleep', ['60'], { stdio: [file.fd, 'ignore', 'ignore'] });
    await once(child, 'spawn');
    const end = async (): Promise<void> => {
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
    };
    return { pid: child.pid!, end };
  } finally {
    await file.close();
  }
}
