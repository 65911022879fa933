/** Updates that change a running copy; each answers a `ControlAnswer`, or says why it is refused. */
export const THROTTLE_UPDATE = 'throttle';
export const PAUSE_UPDATE = 'pause';
export const RESUME_UPDATE = 'resume';

/** A bandwidth limit as people give one. Unit of the number: bytes a second. */
export type RateLimit = number | 'unlimited';

/** What people want of a copy. The one with the highest version is in force, on every host. */
export type CopyControl = {
  /** Counts the changes; 0 before the first. */
  version: number;
  paused: boolean;
  /** Absent as long as nobody said one: then the copy's options and its host do. */
  limit?: RateLimit;
};

/** Arguments of the Updates; a reason is kept in the history and in the status. */
export type ThrottleRequest = { limit: RateLimit; reason?: string };
export type PauseRequest = {
  /** Detach both volumes, which stay reserved for this copy. Default: they stay attached. */
  release?: boolean;
  reason?: string;
};
export type ResumeRequest = {
  /** Host id to go on with, of a released copy. Default: where it was. */
  host?: string;
  reason?: string;
};

export type ControlRequest = ThrottleRequest | PauseRequest | ResumeRequest;

/** One change, as it was asked for. */
export type ControlChange = {
  /** ISO 8601. */
  at: string;
  /** What was in force from then on. */
  control: CopyControl;
  /** With a pause: both volumes were to be detached. */
  release?: true;
  /** With a resume: where it was to go on. */
  host?: string;
  reason?: string;
};

/** What an Update answers. */
export type ControlAnswer = {
  control: CopyControl;
  /** False while the host that copies does not answer: it gets the change as soon as it does. */
  delivered: boolean;
};

/** A copy that stands still because somebody wanted it to. */
export type PausedStatus = {
  /** ISO 8601. */
  since: string;
  /** Both volumes are detached from every host, and reserved. */
  released: boolean;
  bytesFlushed: number;
  bytesTotal: number;
};
