import { readFile } from 'node:fs/promises';
import type { AccessMode, IscsiData } from '../../contract/attachment.ts';
import { findProcesses, type ProcessId } from '../../system/processes.ts';
import type { AttachmentDir } from './attachment-dir.ts';

export const PROGRAM = 'qemu-storage-daemon';
export const EXPORT_ID = 'export';
/** Descriptor of the secret: the fourth entry of the child's stdio. */
export const SECRET_FD = 3;
const NODE = 'volume';

/** The node that logs in. JSON, since a comma in a name would split qemu's own notation. */
function blockdev(data: IscsiData, initiator: string, accessMode: AccessMode): string {
  return JSON.stringify({
    driver: 'iscsi',
    'node-name': NODE,
    transport: 'tcp',
    portal: data.target_portal,
    target: data.target_iqn,
    lun: data.target_lun,
    user: data.auth_username,
    'password-secret': 'chap',
    'initiator-name': initiator,
    'read-only': accessMode === 'ro',
    cache: { direct: true },
  });
}

/** Stands in the command line of exactly the daemons of this attachment. */
function exportOf(dir: AttachmentDir, accessMode: AccessMode): string {
  const fixed = { type: 'fuse', id: EXPORT_ID, 'node-name': NODE, mountpoint: dir.device };
  return JSON.stringify({ ...fixed, writable: accessMode === 'rw' });
}

/**
 * argv of the daemon. The secret comes through a descriptor: qemu reads it before it answers, and
 * neither argv nor any file with a name has it.
 */
export function daemonArgv(
  dir: AttachmentDir,
  data: IscsiData,
  initiator: string,
  accessMode: AccessMode,
): string[] {
  return [
    PROGRAM,
    ...['--object', `secret,id=chap,format=raw,file=/proc/self/fd/${SECRET_FD}`],
    ...['--blockdev', blockdev(data, initiator, accessMode)],
    ...['--export', exportOf(dir, accessMode)],
    // A comma in a value is doubled in this notation, which --chardev alone still wants.
    ...['--chardev', `socket,id=qmp,path=${dir.socket.replaceAll(',', ',,')},server=on,wait=off`],
    ...['--monitor', 'chardev=qmp'],
  ];
}

/** Every daemon of this attachment on the host, whoever started it and whenever. */
export async function findDaemons(dir: AttachmentDir): Promise<ProcessId[]> {
  return findProcesses(PROGRAM, `"mountpoint":${JSON.stringify(dir.device)}`);
}

/** Whether the process was started with exactly these arguments. */
export async function runsWith(daemon: ProcessId, argv: readonly string[]): Promise<boolean> {
  // Gone meanwhile reads as nothing.
  const line = await readFile(`/proc/${daemon.pid}/cmdline`, 'utf8').catch(() => '');
  return line === `${argv.join('\0')}\0`;
}
