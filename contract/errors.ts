/**
 * The one catalogue of errors. Nothing throws a bare Error across a port.
 *
 * class: `retry` may go away by itself; `operator` waits for a person to mend something;
 * `user` asked for something that cannot be; `bug` is ours.
 */
export type ErrorClass = 'retry' | 'operator' | 'user' | 'bug';

type Entry = { class: ErrorClass; sentence: string; whatToDo: string };

export const catalogue = {
  // What was asked for
  BadVolumeName: {
    class: 'user',
    sentence: '"{text}" does not name a volume',
    whatToDo: 'Write backend:id, for example file:disk1.',
  },
  UnknownBackend: {
    class: 'user',
    sentence: 'no backend is called "{backend}"',
    whatToDo: 'See `dray config` for the configured backends, and start the worker that serves it.',
  },
  VolumeNotFound: {
    class: 'user',
    sentence: 'volume {volume} does not exist',
    whatToDo: 'List the volumes with `dray volume list {backend}`.',
  },
  VolumeExists: {
    class: 'user',
    sentence: 'volume {volume} exists already',
    whatToDo: 'Choose another id, or delete the volume first.',
  },
  VolumeBusy: {
    class: 'user',
    sentence: 'volume {volume} is reserved by {holder}',
    whatToDo: 'Wait until that copy has ended, or cancel it with `dray cancel`.',
  },
  SameVolume: {
    class: 'user',
    sentence: 'source and destination are both the bytes of {volume}',
    whatToDo: 'Name two volumes with bytes of their own: links to one file are one volume.',
  },
  BadSize: {
    class: 'user',
    sentence: 'a size of {size} is not possible: {because}',
    whatToDo: 'Give a whole number of 512-byte sectors, at least one, for example 10GiB.',
  },
  DestinationTooSmall: {
    class: 'user',
    sentence:
      'destination {destination} has {destinationBytes} bytes, source {source} has {sourceBytes}',
    whatToDo: 'Use a destination that is at least as large as the source.',
  },
  BadBlockSize: {
    class: 'user',
    sentence: 'block size "{blockSize}" is not usable: {because}',
    whatToDo: 'Give a whole number with an optional unit, for example 512K, 1M or 64M.',
  },
  BadOption: {
    class: 'user',
    sentence: '{option}: {because}',
    whatToDo: 'See `dray --help`.',
  },
  ConfigUnreadable: {
    class: 'user',
    sentence: 'configuration {file} cannot be read: {because}',
    whatToDo: 'Give a readable YAML file with --config or DRAY_CONFIG.',
  },
  ConfigInvalid: {
    class: 'user',
    sentence: 'configuration {file}: {problems}',
    whatToDo: 'Mend the named keys; docs/configuration.md lists them all.',
  },
  WorkflowNotFound: {
    class: 'user',
    sentence: 'no copy is called "{id}"',
    whatToDo: 'List the copies with `dray list`.',
  },
  CopyRunning: {
    class: 'user',
    sentence: 'a copy of {volume} is already running as {workflowId}',
    whatToDo: 'Watch it with `dray watch {workflowId}`.',
  },
  VerifyRunning: {
    class: 'user',
    sentence: '{volume} is already being compared as {workflowId}',
    whatToDo: 'Watch it with `dray watch {workflowId}`.',
  },
  DecisionRefused: {
    class: 'user',
    sentence: 'decision "{decision}" for step "{step}" was refused: {because}',
    whatToDo: 'See `dray show` for the parked steps and what each accepts.',
  },
  ControlRefused: {
    class: 'user',
    sentence: '{change} was refused: {because}',
    whatToDo: 'See `dray show` for what the copy is doing.',
  },
  FleetPlanInvalid: {
    class: 'user',
    sentence: 'nothing was started, {file} is no usable plan: {problems}',
    whatToDo: 'Mend every line that is named; docs/fleets.md has the form.',
  },
  FleetRunning: {
    class: 'user',
    sentence: 'a fleet called {name} is already running, from another plan',
    whatToDo: 'See it with `dray fleet status {name}`, or give this plan another name.',
  },
  FleetNotFound: {
    class: 'user',
    sentence: 'no fleet is called "{name}"',
    whatToDo: 'List the fleets with `dray fleet status`.',
  },
  FleetRefused: {
    class: 'user',
    sentence: '{change} of fleet {name} was refused: {because}',
    whatToDo: 'See `dray fleet status {name}`.',
  },
  EncryptionUnsupported: {
    class: 'user',
    sentence: 'volume {volume} is encrypted, and this host has no encryptor for it',
    whatToDo: 'Copy an unencrypted volume, or use a host with the encryptor.',
  },
  VolumeInUse: {
    class: 'user',
    sentence: 'volume {volume} is {state}: something else has it attached',
    whatToDo: 'Detach it there first, for example with `openstack server remove volume`.',
  },
  VolumeMigrating: {
    class: 'user',
    sentence: 'volume {volume} is being migrated by its storage system (status {state})',
    whatToDo: 'Wait until that migration has ended, or have it ended.',
  },
  VolumeInError: {
    class: 'user',
    sentence: 'volume {volume} is in state {state}',
    whatToDo: 'Find out why and mend it there; then start the copy again.',
  },
  VolumeInMaintenance: {
    class: 'user',
    sentence: 'volume {volume} is in maintenance: whoever locked it is still at work',
    whatToDo: 'Wait until it is available again, or have the lock taken away.',
  },
  VolumeNotReady: {
    class: 'user',
    sentence: 'volume {volume} is {state}',
    whatToDo: 'Wait until it is available.',
  },
  VolumeMultiattach: {
    class: 'user',
    sentence: 'volume {volume} can be attached several times at once, so that nothing reserves it',
    whatToDo: 'Copy a volume of a type without multiattach.',
  },
  VolumeReadOnly: {
    class: 'user',
    sentence: 'volume {volume} is marked read-only and cannot be a destination',
    whatToDo: 'Take the mark away with `openstack volume set --read-write`, or use another volume.',
  },
  DeleteReserved: {
    class: 'user',
    sentence: 'volume {volume} cannot be deleted while {holder} holds it',
    whatToDo: 'Wait until that copy has ended, or cancel it with `dray cancel`.',
  },

  // Temporal
  TemporalUnreachable: {
    class: 'operator',
    sentence: 'Temporal does not answer at {address}: {because}',
    whatToDo: 'Start it with `dray server`, or name another address in the configuration.',
  },
  TemporalUntrusted: {
    class: 'operator',
    sentence: 'no TLS connection with Temporal at {address}: {because}',
    whatToDo: 'Mend the named setting of the profile in force; docs/deployment.md has them all.',
  },
  TemporalDenied: {
    class: 'operator',
    sentence: 'Temporal at {address} lets this client do nothing: {because}',
    whatToDo: 'Check the API key of the profile in force, and what it may do in the namespace.',
  },
  TemporalSilent: {
    class: 'retry',
    sentence: 'Temporal did not answer a step that asked it: {because}',
    whatToDo: 'Nothing: it is asked again by itself; look at the server if that does not help.',
  },
  TemporalBinaryMissing: {
    class: 'operator',
    sentence: 'no temporal program could be found: {tried}',
    whatToDo: 'Install one of the named sources, or set temporal.binary in the configuration.',
  },

  PortInUse: {
    class: 'operator',
    sentence: 'port {port} of 127.0.0.1 is in use: {because}',
    whatToDo: 'End what listens there, or set {setting} in the configuration.',
  },
  MetricsUnavailable: {
    class: 'operator',
    sentence: 'metrics cannot be served at {listen}: {because}',
    whatToDo: 'End what listens there, or set metrics.listen in the configuration.',
  },
  HookSecretUnusable: {
    class: 'operator',
    sentence: 'the secret of hook {hook} cannot be used: {file}: {because}',
    whatToDo: 'Make it as docs/hooks.md says, readable for the worker, and start the worker again.',
  },
  HookUnknown: {
    class: 'retry',
    sentence: 'this worker has no hook {hook}',
    whatToDo: 'Give every worker the same hooks; another worker is asked meanwhile.',
  },
  HookFailed: {
    class: 'retry',
    sentence: 'hook {hook} did not take a message: {because}',
    whatToDo: 'See what its receiver says; it is called again and again for a day.',
  },
  UnknownHost: {
    class: 'user',
    sentence: 'no worker serves a host called "{host}"',
    whatToDo: 'Start `dray worker --role mover` there, or name another host with --host.',
  },
  NoWorker: {
    class: 'operator',
    sentence: 'no worker answers on queue {queue}',
    whatToDo: 'Start `dray worker --role control`, then repeat the command.',
  },
  Terminated: {
    class: 'operator',
    sentence: 'the workflow was terminated by hand',
    whatToDo: 'What it held is released by release workflows; see `dray list`.',
  },

  // The host
  ToolMissing: {
    class: 'operator',
    sentence: 'program {tool} is not installed on {host}',
    whatToDo: 'Install the Debian package {package}.',
  },
  ToolFailed: {
    class: 'retry',
    sentence: '{tool} failed with {status}: {stderr}',
    whatToDo: "Read the program's own words; the step is repeated by itself.",
  },
  ProtocolUnavailable: {
    class: 'operator',
    sentence: 'host {host} cannot connect {protocol}: {because}',
    whatToDo:
      'Mend the named cause on that host, then decide `retry`; or decide `move` to a host that can.',
  },
  StateUnwritable: {
    class: 'operator',
    sentence: 'state directory {path} cannot be written: {because}',
    whatToDo: 'Make it writable for the worker, or name another one in the configuration.',
  },
  StateDamaged: {
    class: 'operator',
    sentence: 'file {path} is damaged: {because}',
    whatToDo:
      'Restore it. Remove it only when nothing needs it: a reservation, for example, when ' +
      '`dray list` shows no copy of its volume.',
  },
  WorkerSuperseded: {
    class: 'retry',
    sentence: 'another worker has taken over host {host} with epoch {epoch}',
    whatToDo: 'Nothing: this worker ends and the other one goes on.',
  },
  HostGone: {
    class: 'operator',
    sentence: 'no worker answered on {queue}',
    whatToDo:
      'Start `dray worker` there: for `host/…` of role mover, else of role control; then decide `retry`. A host that is lost is left with `move`, or `force` where something is taken back: its access is taken away first.',
  },
  StepTimedOut: {
    class: 'retry',
    sentence: 'step {step} gave no answer in time; whether it took effect is not known',
    whatToDo: 'Look at the worker of that step; the step can be repeated safely.',
  },
  KeyMissing: {
    class: 'operator',
    sentence: 'sealing key {keyId} is not on this host',
    whatToDo: 'Import it with `dray key import`, then decide `retry`.',
  },
  SealBroken: {
    class: 'operator',
    sentence: 'a sealed field cannot be opened with key {keyId}',
    whatToDo: 'The key or the data were changed; import the right key, then decide `retry`.',
  },

  // Storage
  BackendUnavailable: {
    class: 'retry',
    sentence: 'backend {backend} does not answer: {because}',
    whatToDo: 'Start the storage service; the step is repeated by itself.',
  },
  BackendRefused: {
    class: 'operator',
    sentence: 'backend {backend} refused {what}: {because}',
    whatToDo: 'Mend the named cause there, then decide `retry`.',
  },
  BackendTooOld: {
    class: 'operator',
    sentence: 'backend {backend} speaks {version}, and {needed} is needed',
    whatToDo: 'Use a newer release of the storage system.',
  },
  ForeignProject: {
    class: 'operator',
    sentence: 'backend {backend} reaches {found}, and what it made is in {expected}',
    whatToDo:
      'Put the former settings back. docs/openstack.md tells what to do for a Cinder that has got another address.',
  },
  ProjectShared: {
    class: 'operator',
    sentence: 'backend {backend} reaches {found}, the project of backend {other}',
    whatToDo:
      'Take one of both out of the configuration: they would not keep each other away from a volume. docs/openstack.md tells how a backend forgets its project.',
  },
  CloudUnusable: {
    class: 'operator',
    sentence: 'the settings of cloud {cloud} cannot be used: {file}: {because}',
    whatToDo:
      'Mend them on the host whose worker serves the backend, then decide `retry`; they are read at each login.',
  },
  VolumeNotMade: {
    class: 'operator',
    sentence: 'backend {backend} could not make volume {volume}',
    whatToDo: 'Look at its log for the reason, most often that no storage has the room.',
  },
  AttachmentInDoubt: {
    class: 'operator',
    sentence:
      'volume {volume} has attachment {foreignId}, which may be of this copy: the answer that would tell was lost',
    whatToDo:
      "Find out whose it is. Delete it with `openstack --os-volume-api-version 3.27 volume attachment delete {foreignId}` if it is nobody else's, then decide `retry`.",
  },
  VolumeStateStuck: {
    class: 'operator',
    sentence: 'volume {volume} is {state} although nothing has it attached, and was {found} before',
    whatToDo:
      'Reset it, as an administrator, with `openstack volume set --state {found} {id}`, then decide `retry`.',
  },
  ForeignRoot: {
    class: 'operator',
    sentence: 'directory {path} belongs to another storage root ({found}, expected {expected})',
    whatToDo: 'Mount the right directory, or mend the configuration.',
  },
  StorageFull: {
    class: 'operator',
    sentence: 'no space is left on {path}',
    whatToDo: 'Make room there, then decide `retry`.',
  },
  SessionsRemain: {
    class: 'retry',
    sentence: 'target {target} still has sessions of {initiators}',
    whatToDo: 'Disconnect them on that host, or decide `force`.',
  },

  NotExported: {
    class: 'operator',
    sentence: 'volume {volume} is not exported for attachment {attachment}',
    whatToDo: 'Its export was removed meanwhile: cancel this copy and start it anew.',
  },
  AccessRevoked: {
    class: 'operator',
    sentence: 'access to volume {volume} was taken from {host} for good',
    whatToDo: 'Cancel this copy and start it anew: it then gets credentials of its own.',
  },

  // Attach and detach
  TargetUnreachable: {
    class: 'retry',
    sentence: 'target {target} at {portal} does not answer: {because}',
    whatToDo: 'Start the target service; the step is repeated by itself.',
  },
  ExportLost: {
    class: 'retry',
    sentence: 'portal {portal} has no target {target} for this host: {because}',
    whatToDo:
      'Nothing: the volume is exported anew. If this stays, look at the access list of the target.',
  },
  LoginRefused: {
    class: 'operator',
    sentence: 'target {target} at {portal} refused the login: {because}',
    whatToDo: 'Check secret and access list at the target, then decide `retry`.',
  },
  DeviceBusy: {
    class: 'operator',
    sentence: 'device {device} of volume {volume} is in use: {because}',
    whatToDo: 'Unmount or release it, then decide `retry`.',
  },
  WrongDevice: {
    class: 'operator',
    sentence: 'device {device} is not volume {volume}: {because}',
    whatToDo: 'Nothing was written. Look for a stale device or a wrong export, then decide.',
  },
  DisconnectFailed: {
    class: 'retry',
    sentence: 'device {device} cannot be disconnected: {because}',
    whatToDo: 'See what holds it on that host; the step is repeated by itself.',
  },

  // The copy
  DeviceLost: {
    class: 'retry',
    sentence: 'the {role} device {device} is gone: {because}',
    whatToDo: 'Nothing: the volume is attached anew and the copy goes on.',
  },
  CopierFenced: {
    class: 'retry',
    sentence: 'this attempt no longer has the right to write {volume}',
    whatToDo: 'Nothing: another attempt has taken over.',
  },
  CopierStuck: {
    class: 'operator',
    sentence: 'copier {pid} on {host} holds {volume} and cannot be killed',
    whatToDo: 'It hangs in the kernel: bring its storage back or reboot the host, then `retry`.',
  },
  CopyStalled: {
    class: 'operator',
    sentence: 'no byte was flushed in {attempts} attempts and {seconds} s: {because}',
    whatToDo: 'Mend the named cause, then decide `retry`: the copy goes on where it stopped.',
  },
  VerifyStalled: {
    class: 'operator',
    sentence: 'no byte was compared in {attempts} attempts and {seconds} s: {because}',
    whatToDo:
      'Mend the named cause, then decide `retry`; after a copy, `skip` goes without a comparison.',
  },
  DestinationUnreadable: {
    class: 'retry',
    sentence: 'destination {device} cannot be read back: {because}',
    whatToDo: 'Look at the storage of the destination; it is repeated by itself.',
  },
  SourceUnreadable: {
    class: 'operator',
    sentence: 'source {device} cannot be read: {because}',
    whatToDo: 'Repair the source, then decide `retry`, or `roll-back`.',
  },
  TooManyUnreadable: {
    class: 'operator',
    sentence: 'the source cannot be read in more than {most} places, the last at byte {offset}',
    whatToDo: 'Save what is left with a rescue tool, or repair the source, then decide `retry`.',
  },
  DestinationFull: {
    class: 'operator',
    sentence: 'destination {device} is full: {because}',
    whatToDo: 'Make room on its storage, then decide `retry`, or `roll-back`.',
  },
  DestinationUnwritable: {
    class: 'retry',
    sentence: 'destination {device} cannot be written: {because}',
    whatToDo: 'Repair the destination; the copy goes on where it stopped.',
  },
  ShortCopy: {
    class: 'retry',
    sentence: '{tool} moved {moved} bytes of {expected}',
    whatToDo: 'The range is copied again by itself; check the size of the source if it stays.',
  },
  CopierFailed: {
    class: 'retry',
    sentence: 'copier ended with {status}: {stderr}',
    whatToDo: 'The copy goes on where the last flushed range ended.',
  },
  ReaderFailed: {
    class: 'retry',
    sentence: 'the comparison ended early, with {status}: {stderr}',
    whatToDo: 'Nothing: it goes on where it stopped.',
  },
  VerifyFailed: {
    class: 'operator',
    sentence:
      '{chunks} chunks of the destination do not hold what was copied, the first at byte {offset}',
    whatToDo:
      'They have been copied again without success: suspect the destination, its way or its memory. Decide `retry` to copy and compare them once more, or `roll-back`.',
  },
  SourceChanged: {
    class: 'operator',
    sentence:
      'the source has changed since it was copied, in {chunks} chunks, the first at byte {offset}',
    whatToDo:
      'Stop whoever writes to the source. Decide `retry` to copy these chunks again, or `roll-back`.',
  },
  EndsDiffer: {
    class: 'operator',
    sentence:
      'source and destination differ in {chunks} chunks, the first at byte {offset}; no digest was taken while they were copied',
    whatToDo:
      'The source was written meanwhile, or the destination does not hold what it was sent. Decide `retry` to copy these chunks again, or `roll-back`.',
  },
  CopyIncomplete: {
    class: 'operator',
    sentence: '{bytes} bytes are not known to have been copied',
    whatToDo: 'Nothing: they are copied before both volumes are compared again.',
  },
  NoCertificate: {
    class: 'user',
    sentence: 'copy {id} has no certificate: {because}',
    whatToDo: 'See `dray report {id}` for what can be said without one.',
  },
  CertificateInvalid: {
    class: 'operator',
    sentence: 'the certificate is not valid: {because}',
    whatToDo: 'Do not rely on it. Take it anew with `dray report --json` from the copy itself.',
  },
  CertificateTooLarge: {
    class: 'user',
    sentence: 'volume {volume} has {volumeBytes} bytes, the certificate is of {bytesTotal}',
    whatToDo: 'Compare it with the certificate of a copy that was made onto this volume.',
  },
  CertificateUnusable: {
    class: 'user',
    sentence: 'nothing can be compared with the certificate: {because}',
    whatToDo: 'Compare the volume with another volume instead.',
  },
  MoveImpossible: {
    class: 'user',
    sentence: 'the copy cannot go on on {host}, since something on the former host is still held',
    whatToDo: 'Release what is listed as held, then start the copy again.',
  },
  RevokeImpossible: {
    class: 'operator',
    sentence: 'access of {host} to {volume} cannot be taken away by backend {backend}',
    whatToDo: 'Power the host off, then decide `force` and state so.',
  },

  MomentMissed: {
    class: 'operator',
    sentence: 'the demo could not kill anything in the middle of the copy: {because}',
    whatToDo: 'Repeat it with a larger --size, or while the machine has less to do.',
  },
  Cancelled: {
    class: 'user',
    sentence: 'it was cancelled',
    whatToDo: 'Nothing: what it had acquired is released, or listed as held.',
  },
  Unexpected: {
    class: 'bug',
    sentence: 'something that was not foreseen: {because}',
    whatToDo: "Please report this with the worker's log.",
  },
} as const satisfies Record<string, Entry>;

export type ErrorCode = keyof typeof catalogue;

/** Whether nothing can be done for want of Temporal: it is not there, or not for this client. */
export function isWithoutTemporal(code: string): boolean {
  return ['TemporalUnreachable', 'TemporalUntrusted', 'TemporalDenied'].includes(code);
}

type Placeholders<S extends string> = S extends `${string}{${infer P}}${infer Rest}`
  ? P | Placeholders<Rest>
  : never;

/** What a sentence and its advice have to be filled with. */
export type ErrorParams<C extends ErrorCode> = Record<
  Placeholders<(typeof catalogue)[C]['sentence']> | Placeholders<(typeof catalogue)[C]['whatToDo']>,
  string | number
>;

function fill(template: string, params: Record<string, string | number>): string {
  return template.replace(/\{(\w+)\}/g, (_, name: string) => String(params[name] ?? `{${name}}`));
}

/** One error of the catalogue with its sentence filled, as plain data. */
export type ErrorDescription = ErrorDetails & { code: string; message: string };

/** The details an error carries through Temporal, beside its code as failure type. */
export type ErrorDetails = {
  class: ErrorClass;
  whatToDo: string;
  params: Record<string, string | number>;
};

export function describeError<C extends ErrorCode>(
  code: C,
  params: ErrorParams<C>,
): ErrorDescription {
  const { sentence, whatToDo, class: errorClass } = catalogue[code];
  return {
    code,
    class: errorClass,
    message: fill(sentence, params),
    whatToDo: fill(whatToDo, params),
    params,
  };
}

/** An error of the catalogue. `message` is its sentence, filled. */
export class DrayError<C extends ErrorCode = ErrorCode> extends Error {
  readonly code: C;
  readonly class: ErrorClass;
  readonly whatToDo: string;
  readonly params: Record<string, string | number>;

  constructor(code: C, params: ErrorParams<C>, options?: { cause?: unknown }) {
    const description = describeError(code, params);
    super(description.message, options);
    this.name = 'DrayError';
    this.code = code;
    this.class = description.class;
    this.whatToDo = description.whatToDo;
    this.params = params;
  }
}

export function isErrorCode(code: unknown): code is ErrorCode {
  return typeof code === 'string' && Object.hasOwn(catalogue, code);
}
