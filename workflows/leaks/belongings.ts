import type { Attachment } from '../../contract/attachment.ts';
import { copyIdOf, parseAttachmentId } from '../../contract/ids.ts';
import type { AcquisitionKind, OwnerRef, Sighting, Survey } from '../../contract/leaks.ts';

/** A sighting and the attachment it belongs to, where anything tells. */
export type Belonging = {
  sighting: Sighting;
  place: string;
  attachmentId?: string;
  owner?: OwnerRef;
  /** The attachment as any host or backend has it written down. */
  record?: Attachment;
};

type Found = Pick<Belonging, 'sighting' | 'place'>;

/** What sightings tell of each other. */
class Known {
  readonly #ids = new Map<string, string>();
  readonly #records = new Map<string, Attachment>();
  readonly #copies = new Map<string, Attachment>();

  constructor(all: readonly Found[]) {
    for (const { sighting } of all) {
      const { attachmentId, shortName, record } = sighting;
      if (attachmentId !== undefined && shortName !== undefined) {
        this.#ids.set(shortName, attachmentId);
      }
      if (record === undefined) continue;
      this.#records.set(record.id, record);
      // The destination is what a copier writes.
      const copyId = copyIdOf(record.owner);
      if (record.role === 'destination' || !this.#copies.has(copyId)) {
        this.#copies.set(copyId, record);
      }
    }
  }

  /** A copier without any record counts as part of its copy's first destination attachment. */
  attachmentOf({ attachmentId, shortName = '', copyId }: Sighting): string | undefined {
    if (attachmentId !== undefined) return attachmentId;
    if (copyId === undefined) return this.#ids.get(shortName);
    return this.#copies.get(copyId)?.id ?? `${copyId}.destination.0`;
  }

  recordOf(attachmentId: string): Attachment | undefined {
    return this.#records.get(attachmentId);
  }
}

/** What a server calls alike whoever asks; paths and processes are those of a host each. */
const SERVED: readonly AcquisitionKind[] = ['export', 'target', 'session'];

/**
 * Backends that share a server each see all of it: what one cannot call its own may be known to
 * another, and is listed as that one tells it.
 */
function withoutTwins(all: readonly Found[]): Found[] {
  const nameOf = ({ kind, identity }: Sighting): string => `${kind} ${identity}`;
  const ours = all.filter(
    ({ sighting }) => sighting.attachmentId !== undefined && sighting.verdict === undefined,
  );
  const known = new Set(ours.map(({ sighting }) => nameOf(sighting)));
  return all.filter(
    ({ sighting }) =>
      sighting.verdict === undefined ||
      !SERVED.includes(sighting.kind) ||
      !known.has(nameOf(sighting)),
  );
}

/** Brings together what was found in all places, by the attachment it belongs to. */
export function findBelongings(surveys: readonly Survey[]): Belonging[] {
  const all = withoutTwins(
    surveys.flatMap(({ place, sightings }) => sightings.map((sighting) => ({ place, sighting }))),
  );
  const known = new Known(all);
  return all.map((found) => {
    const attachmentId = known.attachmentOf(found.sighting);
    if (attachmentId === undefined || found.sighting.verdict !== undefined) return found;
    const record = known.recordOf(attachmentId);
    const owner = record?.owner ?? parseAttachmentId(attachmentId)?.owner;
    return {
      ...found,
      attachmentId,
      ...(owner === undefined ? {} : { owner }),
      ...(record === undefined ? {} : { record }),
    };
  });
}
