import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { DrayError } from '../../contract/errors.ts';
import { iqnOf } from '../../contract/ids.ts';
import { OWN_ACCOUNT, type ExportRecord } from './export-record.ts';
import type { TargetFacts } from './target-list.ts';
import type { Tgtadm } from './tgtadm.ts';

export const LUN = 1;
/**
 * Of a target. A host whose line was cut leaves a session behind that nothing else would end: it is
 * asked every few seconds, and ended when it has not answered several times (tgtadm(8), NOP-OUT PROBES).
 */
const SETTINGS = {
  MaxRecvDataSegmentLength: 262_144,
  nop_interval: 5,
  nop_count: 3,
};
const TIDS = 0xffff;

/**
 * A tid that only this name is likely to ask for: should tgtd be started again between a look and
 * a change, its new targets are not found under an old number. At most 16 bits, as in SCSI ids.
 */
function preferredTid(iqn: string): number {
  return 1 + (createHash('sha256').update(iqn).digest().readUInt32BE(0) % TIDS);
}

async function createTarget(tgt: Tgtadm, iqn: string): Promise<TargetFacts> {
  let tid = preferredTid(iqn);
  for (let attempt = 0; attempt < 10; attempt += 1) {
    const used = new Set((await tgt.targets()).map((target) => target.tid));
    while (used.has(tid)) tid = 1 + (tid % TIDS);
    const args = ['--mode', 'target', '--op', 'new', '--tid', String(tid), '--targetname', iqn];
    // Somebody else may have been faster with that tid, or with the very target.
    await tgt.change(args, /already exists/);
    const made = await tgt.target(iqn);
    if (made !== undefined) return made;
  }
  const because = 'no free target id was found';
  throw new DrayError('BackendUnavailable', { backend: tgt.backend, because });
}

function unitOf(target: TargetFacts): TargetFacts['units'][number] | undefined {
  return target.units.find((unit) => unit.lun === LUN);
}

/** Whether the target offers what the record says, access aside. */
export function unitIsComplete(target: TargetFacts, record: ExportRecord): boolean {
  const unit = unitOf(target);
  return (
    unit?.path === record.path &&
    unit.serial === record.serial &&
    unit.readOnly === (record.accessMode === 'ro')
  );
}

/** Whether the host that the record lets in is let in. */
export function accessIsComplete(target: TargetFacts, { access }: ExportRecord): boolean {
  return (
    access.state !== 'granted' ||
    (target.accounts.includes(access.user) && target.acl.includes(access.initiator))
  );
}

/**
 * Makes the target and its LUN as the record says, from whatever a crash left. Nobody is let in:
 * a target without an ACL refuses every initiator.
 * @throws BackendUnavailable, ToolFailed, StateDamaged
 */
export async function ensureTarget(tgt: Tgtadm, record: ExportRecord): Promise<TargetFacts> {
  const iqn = iqnOf(record.attachmentId);
  const target = (await tgt.target(iqn)) ?? (await createTarget(tgt, iqn));
  if (unitIsComplete(target, record)) return target;
  const tid = String(target.tid);
  const unit = unitOf(target);
  if (unit === undefined) {
    for (const [name, value] of Object.entries(SETTINGS)) {
      const setting = ['--name', name, '--value', String(value)];
      await tgt.change(['--mode', 'target', '--op', 'update', '--tid', tid, ...setting]);
    }
    const lun = ['--mode', 'logicalunit', '--op', 'new', '--tid', tid, '--lun', String(LUN)];
    await tgt.change([...lun, '--backing-store', record.path], /already exists/);
  } else if (unit.path !== record.path) {
    const because = `target ${iqn} already exports ${unit.path}`;
    throw new DrayError('StateDamaged', { path: record.path, because });
  }
  const readOnly = record.accessMode === 'ro' ? 1 : 0;
  const parameters = `readonly=${readOnly},scsi_sn=${record.serial}`;
  const update = ['--mode', 'logicalunit', '--op', 'update', '--tid', tid, '--lun', String(LUN)];
  await tgt.change([...update, '--params', parameters]);
  const made = await tgt.target(iqn);
  if (made !== undefined && unitIsComplete(made, record)) return made;
  const stderr = `target ${iqn} is not what was asked for`;
  throw new DrayError('ToolFailed', { tool: 'tgtadm', status: 'no effect', stderr });
}

/** Account before ACL: a target without an account asks an admitted initiator for no password. */
export async function grantAccess(
  tgt: Tgtadm,
  target: TargetFacts,
  initiator: string,
  user: string,
  password: string,
): Promise<void> {
  const tid = String(target.tid);
  await tgt.createAccount(user, password);
  const account = ['--mode', 'account', '--op', 'bind', '--tid', tid, '--user', user];
  await tgt.change(account, /already exists/);
  const acl = ['--mode', 'target', '--op', 'bind', '--tid', tid, '--initiator-name', initiator];
  await tgt.change(acl, /already exists/);
}

/**
 * Takes away every ACL of the target and the accounts that Drayage made for it, the given one even
 * if it was never bound. Answers whether there was anything.
 */
export async function takeAccess(
  tgt: Tgtadm,
  target: TargetFacts | undefined,
  user: string | undefined,
): Promise<boolean> {
  let found = false;
  for (const initiator of target?.acl ?? []) {
    const tid = String(target?.tid);
    const args = ['--mode', 'target', '--op', 'unbind', '--tid', tid];
    const removed = await tgt.change([...args, '--initiator-name', initiator], /does not exist/);
    found ||= removed;
  }
  const ours = (target?.accounts ?? []).filter((account) => OWN_ACCOUNT.test(account));
  for (const account of new Set([...ours, ...(user === undefined ? [] : [user])])) {
    // Deleting an account takes it from its target as well.
    const args = ['--mode', 'account', '--op', 'delete', '--user', account];
    const removed = await tgt.change(args, /can't find/);
    found ||= removed;
  }
  return found;
}

/** Waits until no session is left; answers the initiators of those that are. */
export async function waitForNoSession(
  tgt: Tgtadm,
  iqn: string,
  graceSeconds: number,
): Promise<string[]> {
  const deadline = performance.now() + graceSeconds * 1000;
  for (;;) {
    const sessions = (await tgt.target(iqn))?.sessions ?? [];
    if (sessions.length === 0 || performance.now() > deadline) {
      return sessions.map((session) => session.initiator);
    }
    await sleep(100);
  }
}

/** Looks in a row that must find no session before none is believed to come back. */
const QUIET_LOOKS = 5;
const CUT_SECONDS = 15;

/**
 * Ends the sessions of a target that lets nobody in any more and makes sure that none comes back:
 * libiscsi connects again at once, and a login under way when the ACL went may still succeed.
 * @throws SessionsRemain
 */
export async function cutSessions(tgt: Tgtadm, iqn: string): Promise<void> {
  const deadline = performance.now() + CUT_SECONDS * 1000;
  for (let quiet = 0; quiet < QUIET_LOOKS; quiet += 1) {
    const target = await tgt.target(iqn);
    for (const { sid, cids } of target?.sessions ?? []) {
      quiet = -1;
      const args = ['--mode', 'conn', '--op', 'delete', '--tid', String(target?.tid)];
      for (const cid of cids) {
        const which = ['--sid', String(sid), '--cid', String(cid)];
        await tgt.change([...args, ...which], /can't find|session|connection/);
      }
    }
    if (performance.now() > deadline && quiet < 0) {
      const initiators = (target?.sessions ?? []).map((session) => session.initiator).join(', ');
      throw new DrayError('SessionsRemain', { target: iqn, initiators });
    }
    await sleep(100);
  }
}

/** Answers whether it was there. @throws SessionsRemain while a session lives */
export async function deleteTarget(tgt: Tgtadm, iqn: string): Promise<boolean> {
  const target = await tgt.target(iqn);
  if (target === undefined) return false;
  const args = ['--mode', 'target', '--op', 'delete', '--tid', String(target.tid)];
  // Without --force tgtd itself refuses while a session lives.
  if (await tgt.change(args, /still active/)) return true;
  const initiators = target.sessions.map((session) => session.initiator).join(', ');
  throw new DrayError('SessionsRemain', { target: iqn, initiators });
}
