import type { Attachment } from '../../contract/attachment.ts';
import { DrayError } from '../../contract/errors.ts';
import { formatVolume, type Undone, type VolumeRef } from '../../contract/volume.ts';
import { assertCurrent, type Epoch } from '../../system/epoch.ts';
import { Exclusion } from '../../system/exclusion.ts';
import type { Reservation, ReservationStore } from '../reservations.ts';
import type { Attachments, CinderAttachment } from './attachments.ts';
import { readOnlyRefusal, refusalOf } from './refusal.ts';
import type { Volumes } from './volumes.ts';

/** Neither Nova's nor connected: whose it is cannot be seen. */
const isBare = ({ instance, connection_info: info }: CinderAttachment): boolean =>
  !instance && (!info || Object.keys(info).length === 0);

export function notExported({ id, volume }: Attachment): DrayError {
  return new DrayError('NotExported', { volume: formatVolume(volume), attachment: id });
}

/**
 * Which of Cinder's attachments is whose. Cinder makes their ids itself and keeps nothing that a
 * client could find its own by; so the intent is written down here before it is asked for one, and
 * the id after. In between, an answer can get lost.
 */
export class Holds {
  readonly #exclusion = new Exclusion();

  constructor(
    readonly store: ReservationStore,
    readonly volumes: Volumes,
    readonly attachments: Attachments,
    readonly epoch: Epoch,
  ) {}

  /**
   * Reserves the volume at Cinder, once; answers the id of Cinder's attachment.
   * @throws VolumeBusy, AttachmentInDoubt, VolumeNotFound, ForeignProject, and why Cinder would not
   * attach it
   */
  hold(attachment: Attachment, takesOver?: string): Promise<string> {
    const { volume } = attachment;
    return this.#exclusion.run(volume.id, async () => {
      await this.#assertSameProject(attachment);
      const before = await this.store.holderOf(volume.id);
      const known = before?.foreignId ?? attachment.exported?.reservation;
      const found = known === undefined ? undefined : await this.attachments.find(known);
      if (before === undefined && found === undefined) await this.#assertUsable(attachment);
      assertCurrent(this.epoch);
      const held = await this.store.reserve(attachment, false, takesOver);
      if (found === undefined) return this.#reserve(held, before);
      if (held.foreignId !== found.id) await this.#note(held, found.id);
      return found.id;
    });
  }

  async #reserve(held: Reservation, before: Reservation | undefined): Promise<string> {
    const { attachment } = held;
    const isInDoubt = before !== undefined && before.foreignId === undefined;
    if (isInDoubt) await this.#assertNoneInDoubt(attachment.volume);
    // Anything may have been done to it since it was attached, and Cinder would take some of that.
    if (before !== undefined) await this.#assertUsable(attachment);
    // The one that was known is gone: from here on it is not known whether there is another.
    if (held.foreignId !== undefined) await this.#note(held, undefined);
    const made = await this.attachments.reserve(attachment.volume.id, attachment.accessMode);
    if (made.id !== undefined) {
      await this.#note(held, made.id);
      return made.id;
    }
    // The request whose answer was lost may have been carried out only now.
    if (isInDoubt) await this.#assertNoneInDoubt(attachment.volume);
    await this.#release(attachment);
    await this.#assertUsable(attachment);
    throw this.attachments.api.refused('POST /attachments', { because: made.refused });
  }

  /** Cinder's id of what this attachment holds. @throws NotExported */
  async idOf(attachment: Attachment): Promise<string> {
    const { isHolder, id } = await this.#standingOf(attachment);
    if (isHolder && id !== undefined) return id;
    throw notExported(attachment);
  }

  /** Whether Cinder has what this attachment made there. */
  async isThere(attachment: Attachment): Promise<boolean> {
    const { id } = await this.#standingOf(attachment);
    return id !== undefined && (await this.attachments.find(id)) !== undefined;
  }

  /**
   * Deletes Cinder's attachment. `keep`: other copies are still kept away from the volume, though
   * not everybody, since Cinder cannot take an export back and go on reserving.
   * @throws AttachmentInDoubt, ForeignProject
   */
  letGo(attachment: Attachment, keep: boolean): Promise<Undone> {
    const { volume } = attachment;
    return this.#exclusion.run(volume.id, async () => {
      await this.#assertSameProject(attachment);
      const { isHolder, id } = await this.#standingOf(attachment);
      if (isHolder && id === undefined) await this.#assertNoneInDoubt(volume);
      const isDeleted = id !== undefined && (await this.attachments.delete(id));
      const isReleased = !keep && isHolder && (await this.#release(attachment));
      return isDeleted || isReleased ? 'done' : 'alreadyGone';
    });
  }

  /**
   * Whether anybody has the volume attached. A request whose answer was lost may be carried out
   * long after the attachment it was for was given up.
   * @throws AttachmentInDoubt
   */
  isHeld(volume: VolumeRef): Promise<boolean> {
    return this.#exclusion.run(volume.id, async () => {
      const holder = await this.store.holderOf(volume.id);
      return (await this.#assertNoneInDoubt(volume, holder?.foreignId)).length > 0;
    });
  }

  async #note(held: Reservation, foreignId: string | undefined): Promise<void> {
    assertCurrent(this.epoch);
    await this.store.rename(held, foreignId);
  }

  async #release(attachment: Attachment): Promise<boolean> {
    assertCurrent(this.epoch);
    return this.store.release(attachment);
  }

  /** What an attachment has, as this host wrote it down, or else as its workflow knows it. */
  async #standingOf({ id, volume, exported }: Attachment) {
    const holder = await this.store.holderOf(volume.id);
    if (holder?.attachment.id === id) return { isHolder: true, id: holder.foreignId };
    const known = exported?.reservation;
    // Whoever took it over has it under the same id.
    return { isHolder: false, id: holder?.foreignId === known ? undefined : known };
  }

  async #assertUsable({ volume, accessMode }: Attachment): Promise<void> {
    const [name, found] = [formatVolume(volume), await this.volumes.get(volume)];
    const refusal =
      refusalOf(name, found) ?? (accessMode === 'rw' ? readOnlyRefusal(name, found) : undefined);
    if (refusal !== undefined) throw refusal;
  }

  /** In another project than where it was made, everything would count as gone. */
  async #assertSameProject({ volume: { backend }, exported }: Attachment): Promise<void> {
    if (exported === undefined) return;
    const { name: expected, reservation } = exported;
    const found = await this.attachments.nameOf(reservation);
    if (found !== expected) throw new DrayError('ForeignProject', { backend, found, expected });
  }

  /**
   * What cannot be told from somebody else's is never deleted: a person looks whose it is. Answers
   * all attachments of the volume. `known`: id of one that is not in doubt.
   */
  async #assertNoneInDoubt(volume: VolumeRef, known?: string): Promise<CinderAttachment[]> {
    const all = await this.attachments.ofVolume(volume.id);
    const bare = all.find((each) => isBare(each) && each.id !== known);
    if (bare === undefined) return all;
    const facts = { volume: formatVolume(volume), foreignId: bare.id };
    throw new DrayError('AttachmentInDoubt', facts);
  }
}
