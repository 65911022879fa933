import type { Attachment } from './attachment.ts';
import type { VolumeRef } from './volume.ts';

/** What a backend has of one attachment right now. */
export type ExportView = {
  /** Id of the attachment that has the volume reserved. */
  reservedBy?: string;
  /** Where an export is nothing but the reservation: whether this attachment has it. */
  exported: boolean;
  /** Initiators that are logged in. */
  sessions: string[];
};

/** What a host has of one attachment right now. */
export type DeviceView = {
  /** The host wrote it down before it connected it. */
  claimed: boolean;
  /** Missing where nothing is connected. */
  path?: string;
  /** Why the device gives no byte, in the words of who tried; missing for one that does. */
  silent?: string;
};

/** What a host says of a copy right now. */
export type HostView = {
  /** Counts the workers that have taken over this host id; the newest one answers. */
  epoch: number;
  /** Programs that hold the destination's lock. */
  copierPids: number[];
  /** By attachment id. */
  devices: Record<string, DeviceView>;
};

/** An answer, or why there is none. */
export type Answer<T> = { answer: T } | { unanswered: string };

/** Argument of the workflow `inspectCopy`. */
export type InspectInput = {
  host: string;
  /** Missing where nothing is attached yet. */
  destination?: VolumeRef;
  attachments: Attachment[];
};

/** Host, devices and targets of a copy at one moment. */
export type Inspection = {
  host: Answer<HostView>;
  /** By attachment id. */
  exports: Record<string, Answer<ExportView>>;
};
