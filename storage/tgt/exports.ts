import { join } from 'node:path';
import type { Attachment } from '../../contract/attachment.ts';
import { DrayError } from '../../contract/errors.ts';
import { iqnOf } from '../../contract/ids.ts';
import type { Sighting } from '../../contract/leaks.ts';
import { formatVolume, type Undone } from '../../contract/volume.ts';
import { assertCurrent } from '../../system/epoch.ts';
import { Exclusion } from '../../system/exclusion.ts';
import type { BackendContext } from '../context.ts';
import {
  ExportRecords,
  makeCredentials,
  openSecret,
  type Access,
  type ExportRecord,
} from './export-record.ts';
import { surveyExports } from './survey.ts';
import { parseTarget, type TargetFacts } from './target-list.ts';
import {
  accessIsComplete,
  cutSessions,
  deleteTarget,
  ensureTarget,
  grantAccess,
  takeAccess,
  unitIsComplete,
  waitForNoSession,
} from './target.ts';
import type { Tgtadm } from './tgtadm.ts';

/** How long a host that has just disconnected may take until tgtd has seen it. Unit: seconds. */
const GRACE_SECONDS = 2;

/** User and password of an attachment, as its host needs them. */
export type Login = { user: string; password: string };

/**
 * Exports: first the record, which outlives tgtd, then what tgtd has of it. Whatever concerns one
 * attachment excludes everything else that does, the watch included.
 */
export class Exports {
  readonly #records: ExportRecords;
  readonly #exclusion = new Exclusion();

  constructor(
    root: string,
    readonly tgt: Tgtadm,
    readonly context: BackendContext,
  ) {
    this.#records = new ExportRecords(join(root, 'exports'));
  }

  async open(): Promise<void> {
    await this.#records.open();
  }

  /** Whether nothing is to be exported. */
  async isEmpty(): Promise<boolean> {
    return (await this.#records.list()).length === 0;
  }

  /** What tgtd has of an attachment now. */
  target(attachmentId: string): Promise<TargetFacts | undefined> {
    return this.tgt.target(iqnOf(attachmentId));
  }

  /** A repeat leaves the record as it is and makes what is missing at tgtd. */
  async create(wanted: Omit<ExportRecord, 'access'>): Promise<void> {
    await this.#alone(wanted.attachmentId, async () => {
      const record = await this.#records.read(wanted.attachmentId);
      await this.#restore(record ?? (await this.#write(wanted, { state: 'none' })));
    });
  }

  /** A repeat gives the same credentials. @throws NotExported, AccessRevoked, SessionsRemain */
  async grant(attachment: Attachment, initiator: string): Promise<Login> {
    return this.#alone(attachment.id, async () => {
      let record = await this.#records.read(attachment.id);
      const volume = formatVolume(attachment.volume);
      if (record === undefined) {
        throw new DrayError('NotExported', { volume, attachment: attachment.id });
      }
      if (record.access.state === 'revoked') {
        throw new DrayError('AccessRevoked', { volume, host: attachment.owner.hostId });
      }
      if (record.access.state !== 'granted' || record.access.initiator !== initiator) {
        // What another initiator was given ends first, and never under its device.
        await this.#refuseSessions(iqnOf(attachment.id));
        await this.#take(record);
        const credentials = await makeCredentials(this.context.keys, attachment.id, initiator);
        record = await this.#write(record, { state: 'granted', ...credentials });
      }
      const login = await this.#restore(record);
      if (login === undefined) throw new DrayError('Unexpected', { because: 'no credentials' });
      return login;
    });
  }

  /** @throws SessionsRemain unless forced; access has then ended if one logged in meanwhile */
  async close(attachmentId: string, force: boolean): Promise<Undone> {
    return this.#alone(attachmentId, async () => {
      const iqn = iqnOf(attachmentId);
      if (!force) await this.#refuseSessions(iqn);
      const record = await this.#records.read(attachmentId);
      const found = await this.#end(record, attachmentId, 'closed');
      if (force) await cutSessions(this.tgt, iqn);
      // One that logged in between the look and the end of its access.
      else await this.#refuseSessions(iqn);
      return found ? 'done' : 'alreadyGone';
    });
  }

  /** For good: the record remembers it. @throws SessionsRemain when one keeps coming back */
  async revoke(attachmentId: string): Promise<void> {
    await this.#alone(attachmentId, async () => {
      const record = await this.#records.read(attachmentId);
      await this.#end(record, attachmentId, 'revoked');
      await cutSessions(this.tgt, iqnOf(attachmentId));
    });
  }

  /** The record goes before the target, so that the watch does not make it again. */
  async remove(attachmentId: string): Promise<Undone> {
    return this.#alone(attachmentId, async () => {
      const iqn = iqnOf(attachmentId);
      await this.#refuseSessions(iqn);
      const record = await this.#records.read(attachmentId);
      await this.#end(record, attachmentId, 'closed');
      assertCurrent(this.context.epoch);
      const hadRecord = await this.#records.remove(attachmentId);
      const hadTarget = await deleteTarget(this.tgt, iqn);
      return hadRecord || hadTarget ? 'done' : 'alreadyGone';
    });
  }

  /**
   * Makes again what tgtd no longer has. One export that cannot be restored keeps no other one
   * from it; the first failure is thrown at the end.
   */
  async restoreMissing(): Promise<void> {
    const attachmentIds = await this.#records.list();
    if (attachmentIds.length === 0) return;
    const targets = new Map((await this.tgt.targets()).map((target) => [target.name, target]));
    const failures: unknown[] = [];
    for (const attachmentId of attachmentIds) {
      try {
        const listed = targets.get(iqnOf(attachmentId));
        if (isComplete(listed && parseTarget(listed), await this.#records.read(attachmentId))) {
          continue;
        }
        await this.#alone(attachmentId, async () => {
          // A step that was under way may have made it, revoked or removed it meanwhile.
          const record = await this.#records.read(attachmentId);
          const target = await this.tgt.target(iqnOf(attachmentId));
          if (record === undefined || isComplete(target, record)) return;
          await this.#restore(record);
          this.context.log.info('restored an export', { attachment: attachmentId });
        });
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
  }

  /** See surveyExports. */
  survey(ownPaths: readonly string[]): Promise<Sighting[]> {
    return surveyExports(this.#records, this.tgt, ownPaths);
  }

  #alone<T>(attachmentId: string, act: () => Promise<T>): Promise<T> {
    return this.#exclusion.run(attachmentId, act);
  }

  async #write(
    of: Omit<ExportRecord, 'access'>,
    access: Parameters<ExportRecords['write']>[0]['access'],
  ): Promise<ExportRecord> {
    assertCurrent(this.context.epoch);
    const record = { ...of, access };
    await this.#records.write(record);
    return record;
  }

  /** Target, LUN, then access as the record says; answers the login where there is one. */
  async #restore(record: ExportRecord): Promise<Login | undefined> {
    const target = await ensureTarget(this.tgt, record);
    const { access } = record;
    if (access.state !== 'granted') return undefined;
    const { user, initiator, secret } = access;
    const password = await openSecret(this.context.keys, record.attachmentId, secret);
    if (!accessIsComplete(target, record)) {
      await grantAccess(this.tgt, target, initiator, user, password);
    }
    return { user, password };
  }

  async #take(record: ExportRecord): Promise<boolean> {
    const target = await this.tgt.target(iqnOf(record.attachmentId));
    return takeAccess(this.tgt, target, userOf(record.access));
  }

  /** Ends the access in the record, then at tgtd; answers whether there was any. */
  async #end(
    record: ExportRecord | undefined,
    attachmentId: string,
    state: 'closed' | 'revoked',
  ): Promise<boolean> {
    const user = userOf(record?.access);
    const granted = record?.access.state === 'granted';
    // What was revoked stays so.
    if (record !== undefined && (granted || (state === 'revoked' && !isRevoked(record)))) {
      assertCurrent(this.context.epoch);
      await this.#records.end(attachmentId, state);
    }
    const target = await this.tgt.target(iqnOf(attachmentId));
    const taken = await takeAccess(this.tgt, target, user);
    return granted || taken;
  }

  async #refuseSessions(iqn: string): Promise<void> {
    const initiators = await waitForNoSession(this.tgt, iqn, GRACE_SECONDS);
    if (initiators.length === 0) return;
    throw new DrayError('SessionsRemain', { target: iqn, initiators: initiators.join(', ') });
  }
}

/** Whether tgtd has all that is written down: nothing, where there is no record. */
function isComplete(target: TargetFacts | undefined, record: ExportRecord | undefined): boolean {
  if (record === undefined) return true;
  if (target === undefined) return false;
  return unitIsComplete(target, record) && accessIsComplete(target, record);
}

const isRevoked = (record: ExportRecord): boolean => record.access.state === 'revoked';

function userOf(access: Access | undefined): string | undefined {
  return access === undefined || access.state === 'none' ? undefined : access.user;
}
