import { hostname } from 'node:os';
import type { IscsiData } from '../../contract/attachment.ts';
import { DrayError } from '../../contract/errors.ts';
import { toolMissing } from '../../system/run.ts';

/** Exit status of sh for a program that it cannot find. */
const NOT_FOUND_STATUS = 127;

/** libiscsi's own words, without the options that qemu repeats before them. */
function reasonOf(text: string, data: IscsiData): string {
  const lines = text.trim().split('\n').filter(Boolean);
  const last = lines.findLast((line) => /iSCSI:|[Ll]og ?in|Status/.test(line)) ?? lines.at(-1);
  const because = last?.split('iSCSI: ').at(-1) ?? '';
  // What libiscsi says of a connection that is refused or breaks.
  if (because.includes('iscsi_service_reconnect_if_loggedin')) return 'no connection';
  return because.replaceAll(data.auth_password, '***').trim() || 'no reason given';
}

/**
 * What a failed login means, by the text of libiscsi (7.2's qemu and the libiscsi tools word it
 * alike). A refused secret waits for a person. "Target not found(515)" is what an access list
 * answers, and what a target answers whose exports are gone or not yet restored.
 */
export function loginError(text: string, data: IscsiData): DrayError {
  const because = reasonOf(text, data);
  const where = { target: data.target_iqn, portal: data.target_portal, because };
  const refused = /Authentication failure|Authorization failure|\(51[34]\)/.test(because);
  if (refused) return new DrayError('LoginRefused', where);
  return new DrayError(/\(515\)/.test(because) ? 'ExportLost' : 'TargetUnreachable', where);
}

/** The error for a daemon that ended with this log before its device was there. */
export function startError(status: number | undefined, log: string, data: IscsiData): DrayError {
  if (/^qemu-storage-daemon: --blockdev .*iSCSI: /m.test(log)) return loginError(log, data);
  if (status === NOT_FOUND_STATUS) return toolMissing('qemu-storage-daemon');
  const because = reasonOf(log, data);
  if (/Unknown driver|fuse/i.test(because)) {
    return new DrayError('ProtocolUnavailable', { host: hostname(), protocol: 'iscsi', because });
  }
  return new DrayError('ToolFailed', {
    tool: 'qemu-storage-daemon',
    status: `exit status ${status}`,
    stderr: because,
  });
}
