import type { Attachment } from './attachment.ts';
import type { VolumeRef } from './volume.ts';

/**
 * What an attachment consists of in the real system. `daemon`: the process that serves a FUSE export.
 * `loop`, `dm`: block devices that others built on something of ours.
 */
export type AcquisitionKind =
  | 'claim'
  | 'reservation'
  | 'export'
  | 'target'
  | 'session'
  | 'account'
  | 'daemon'
  | 'mount'
  | 'directory'
  | 'copier'
  | 'lock'
  | 'loop'
  | 'dm';

/** `live` has an owner at work, `foreign` is none of ours, `unknown` cannot be told by us. */
export type AcquisitionState = 'live' | 'orphan' | 'foreign' | 'unknown';

/** What a place itself can judge. */
export type Verdict = { state: 'foreign' | 'unknown'; because: string };

/** Something found on a host or at a backend, and whatever tells there whose it is. */
export type Sighting = {
  kind: AcquisitionKind;
  /** As the system itself calls it: a path, an IQN, a process id. */
  identity: string;
  /** The command that shows it, to be run where it was found. */
  look: string;
  attachmentId?: string;
  /** Short name of the attachment, which is all that a directory tells. */
  shortName?: string;
  /** Of a copier: the copy it belongs to. */
  copyId?: string;
  volume?: VolumeRef;
  /** The whole attachment, where it is written down. */
  record?: Attachment;
  /** Nobody else is asked then. */
  verdict?: Verdict;
};

/** Sightings of one place, which is named by its queue: `host/<id>` or `backend/<name>`. */
export type Survey = { place: string; sightings: Sighting[] };

/** A place that could not be looked at. */
export type Unseen = { place: string; because: string };

/** The workflow that acquired something, by its ids. */
export type OwnerRef = { workflowId: string; firstRunId: string };

/** What Temporal says of an owner. `gone`: it knows no such workflow, or only a later one. */
export type OwnerFacts = {
  state: 'open' | 'ended' | 'gone';
  /** What it was started with, of one that has ended. */
  input?: { host: string; destination: VolumeRef; source?: VolumeRef };
};

/** What Temporal says of `release/<attachment id>`; `held`: it ended and left something. */
export type ReleaseState = 'open' | 'held' | 'none';

/** A sighting that was compared with what runs. */
export type Acquisition = {
  state: AcquisitionState;
  kind: AcquisitionKind;
  identity: string;
  place: string;
  /** Why it is in this state. */
  because: string;
  /** The command that shows it, to be run where it was found. */
  look: string;
  attachmentId?: string;
  volume?: VolumeRef;
  /** Workflow id of the owner. */
  owner?: string;
  /** Of an orphan: workflow id of what takes it back. */
  release?: string;
};

/**
 * What became of the release of one orphan. `owned`: its owner was found at work again.
 * `held`: a person decided to leave it, and is not asked again within a day.
 */
export type Released = { workflowId: string; outcome: 'started' | 'running' | 'owned' | 'held' };

/** Argument of `findLeaks`. */
export type FindLeaksInput = {
  /** Queues to look at; what is found there may name others, which are looked at as well. */
  places: string[];
  /** Only what concerns this host. */
  host?: string;
  /**
   * A host's schedule asks: other hosts look for themselves, and what is live is only counted, as
   * it may be more than a result can carry.
   */
  scheduled?: true;
  /** Whether orphans are released; `decided` also those that a person had left held. */
  release: 'no' | 'undecided' | 'decided';
};

/** Result of `findLeaks`. */
export type Leaks = {
  places: string[];
  unseen: Unseen[];
  /** Without those that are live, where a schedule asks. */
  acquisitions: Acquisition[];
  counts: Record<AcquisitionState, number>;
  releases: Released[];
};
