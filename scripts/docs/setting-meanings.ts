const root = 'Directory of the volumes; it carries the uuid of this storage.';
const servedBy = 'Host id of the one worker that serves it. Default: this host.';

const lanes = 'The most lanes of a copy from or to it. Default: `copy.lanes`.';

/** What each key of the configuration is for; a key without a line here fails the docs' test. */
export const meanings: Partial<Record<string, string>> = {
  host: "Host id of this worker; the name other commands use for it. Default: the host's name.",
  stateDir:
    'What this host writes down. Default: `$XDG_STATE_HOME/drayage` (`~/.local/state/drayage`).',
  'temporal.address': '`host:port` of a running server; nothing is started then.',
  'temporal.namespace': 'Namespace of workflows. Default: `default`.',
  'temporal.profile': "Profile of the configuration file of Temporal's own tools.",
  'temporal.binary': 'Path of the temporal program. Default: looked for, else fetched.',
  'temporal.port': 'Port of `dray server`.',
  'temporal.uiPort': 'Port of its Web UI.',
  'backends.NAME (file).type': 'A directory of raw volumes, connection type `local`.',
  'backends.NAME (file).root': root,
  'backends.NAME (file).host': servedBy,
  'backends.NAME (file).lanes': lanes,
  'backends.NAME (tgt).type': 'iSCSI targets of tgtd over raw files or block devices.',
  'backends.NAME (tgt).root': root,
  'backends.NAME (tgt).host': servedBy,
  'backends.NAME (tgt).lanes': lanes,
  'backends.NAME (tgt).portal': 'Where initiators reach the targets.',
  'backends.NAME (tgt).controlPort': "tgtd's control port (`tgtadm -C`).",
  'backends.NAME (tgt).managed': 'Start and watch a tgtd of our own there; else one must run.',
  'backends.NAME (tgt).devices.ID': 'Path of an existing block device offered as volume ID.',
  'backends.NAME (cinder).type': 'Volumes of OpenStack Cinder; see [openstack.md](openstack.md).',
  'backends.NAME (cinder).host': servedBy,
  'backends.NAME (cinder).lanes': lanes,
  'backends.NAME (cinder).cloud':
    "Name of a cloud in OpenStack's `clouds.yaml`; `envvars` for what `OS_*` say.",
  'backends.NAME (cinder).noauth.endpoint':
    'A lab without authentication: URL of its API without version, as `http://127.0.0.1:8776`.',
  'backends.NAME (cinder).noauth.project': 'Id of the project there.',
  'iscsi.initiator': 'IQN of this host. Default: made from the host id.',
  'copy.slots': 'Copies this host runs at once.',
  'copy.lanes': 'The most lanes of one copy; each takes about 10 MiB of memory and its requests.',
  'copy.bytesPerSecond': 'Limit of every copy on this host, in bytes a second. Default: none.',
  'copy.timetable':
    'Limits by local time of day, for example `22:00-06:00 unlimited, else 100MiB/s`; the first window that fits counts, and goes before `copy.bytesPerSecond`.',
  'copy.ionice.class': '1 realtime, 2 best effort, 3 idle. Default: unchanged.',
  'copy.ionice.level': '0 (first) to 7 (last) within the class.',
  'limits.heartbeatSeconds': 'Silence after which a worker that runs a step is taken for dead.',
  'limits.stepSeconds': 'The longest one attempt of a step may take; data steps have none.',
  'limits.scheduleToStartSeconds': 'Wait for a worker before its host or backend counts as gone.',
  'limits.patienceSeconds':
    'How long automatic retries go on before a step is parked; a copy: without a flushed byte.',
  'limits.retryInitialSeconds': 'A retry waits this long at first and twice as long each time,',
  'limits.retryMaximumSeconds': 'up to this.',
  'leaks.everySeconds': 'How often a schedule looks for leaks on this host and its backends.',
  'metrics.listen':
    'IP address and port where Prometheus gets `/metrics` of this worker ([metrics.md](metrics.md)). Default: nowhere.',
  'hooks.ID.url':
    'Who is told of what happens to runs ([hooks.md](hooks.md)); ID is a name of yours.',
  'hooks.ID.events': 'Of what.',
  'hooks.ID.secretFile': 'File with the secret that its messages are signed with, `whsec_…`.',
  'log.level': 'The least that is logged.',
  'log.format':
    'People read `pretty`, machines `json`. Default: `pretty` on a terminal, else `json`.',
};
