import type { ErrorDescription } from './errors.ts';

/** A block volume by name: which storage system owns it and what that system calls it. */
export type VolumeRef = { backend: string; id: string };

/** A block volume as its backend describes it. */
export type Volume = VolumeRef & {
  /** 0 in a list where it is not known, as for one that is `damaged`. */
  sizeBytes: number;
  /** The backend's own word for its state, for example `available`; `damaged` where a file is. */
  state: string;
  /** True while the volume was never writable since it was created, so that it reads as zeros. */
  neverWritten: boolean;
  /** Attachment id of the holder, absent while the volume is free. */
  reservedBy?: string;
  /** Why the storage system would not attach it now, absent where nothing speaks against it. */
  refusal?: ErrorDescription;
};

/** The part a volume plays in a copy. */
export type Role = 'source' | 'destination';

/** Outcome of a step that takes something back; both are success. */
export type Undone = 'done' | 'alreadyGone';

/** What a backend's name may look like; it becomes part of queue names. */
export const BACKEND_NAME = /^[a-z0-9][a-z0-9-]{0,31}$/;
/** What a volume id may look like; it becomes part of file names, IQNs and workflow ids. */
export const VOLUME_ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
/** Volumes are a whole number of these, as SCSI's smallest logical block. Unit: bytes. */
export const SECTOR_BYTES = 512;

/** `backend:id`, the way volumes are written everywhere. */
export function formatVolume(volume: VolumeRef): string {
  return `${volume.backend}:${volume.id}`;
}

/** Reads `backend:id`; undefined when the text is not of that form. */
export function parseVolume(text: string): VolumeRef | undefined {
  const colon = text.indexOf(':');
  const [backend, id] = [text.slice(0, colon), text.slice(colon + 1)];
  return colon > 0 && BACKEND_NAME.test(backend) && VOLUME_ID.test(id)
    ? { backend, id }
    : undefined;
}
