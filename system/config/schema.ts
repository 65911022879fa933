import { hostname } from 'node:os';
import { isAbsolute, resolve } from 'node:path';
import { z } from 'zod';
import { DEFAULT_LIMITS } from '../../contract/limits.ts';
import { DrayError } from '../../contract/errors.ts';
import { HOOK_EVENTS } from '../../contract/hooks.ts';
import { BACKEND_NAME, VOLUME_ID } from '../../contract/volume.ts';
import { httpUrl } from './http-url.ts';
import { parseTimetable } from './timetable.ts';

const absolutePath = z.string().refine(isAbsolute, 'must be an absolute path');
const seconds = z.number().positive();
export const hostId = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9.-]{0,62}$/, 'must look like a host name');
const lanes = z.int().min(1).max(32);
const portal = z.string().regex(/^(\[[0-9a-fA-F:]+\]|[\w.-]+):\d{1,5}$/, 'must be host:port');
const iqn = z.string().regex(/^iqn\.\d{4}-\d{2}\.[\w.:-]{1,190}$/, 'must be an IQN (RFC 3720)');

const listenAddress = z
  .string()
  .regex(/^(\[[0-9a-fA-F:]+\]|\d{1,3}(\.\d{1,3}){3}):\d{1,5}$/, 'must be IP-ADDRESS:PORT');

const timetable = z.string().superRefine((text, context) => {
  try {
    parseTimetable(text);
  } catch (error) {
    if (!(error instanceof DrayError)) throw error;
    context.addIssue({ code: 'custom', message: String(error.params['because']) });
  }
});

/** A directory of raw volumes, connection type `local`. */
const fileBackend = z.strictObject({
  type: z.literal('file'),
  root: absolutePath,
  /** Host id of the one worker that serves it. Default: this host. */
  host: hostId.optional(),
  /** The most lanes of all copies from or to it on this host. Default: `copy.lanes`. */
  lanes: lanes.optional(),
});

/** iSCSI targets over raw files or block devices, served by tgtd. */
const tgtBackend = z.strictObject({
  type: z.literal('tgt'),
  root: absolutePath,
  host: hostId.optional(),
  lanes: lanes.optional(),
  /** Where initiators reach the targets. */
  portal: portal.default('127.0.0.1:3260'),
  /** tgtd's control port (`tgtadm -C`). */
  controlPort: z.int().min(0).max(32767).default(0),
  /** Start and watch a tgtd of our own on that control port and portal; else one must run. */
  managed: z.boolean().default(false),
  /** Existing block devices offered as volumes: id to path. */
  devices: z.record(z.string().regex(VOLUME_ID), absolutePath).default({}),
});

/** Volumes of OpenStack Cinder, reached by its public API. */
const cinderBackend = z
  .strictObject({
    type: z.literal('cinder'),
    host: hostId.optional(),
    lanes: lanes.optional(),
    /** Name of a cloud in clouds.yaml, or `envvars` for OS_*. */
    cloud: z.string().min(1).optional(),
    /** A Cinder of a lab, without authentication. */
    noauth: z
      .strictObject({
        /** `http://host:8776`, without version and project. */
        endpoint: httpUrl,
        project: z.string().regex(/^[0-9a-f-]{1,64}$/, 'must be hexadecimal digits and -'),
      })
      .optional(),
  })
  .refine(({ cloud, noauth }) => (cloud === undefined) !== (noauth === undefined), {
    message: 'needs either cloud or noauth',
  });

/** What two backends must not share: locks go by backend, and one volume would have two of them. */
function placeOf(backend: z.infer<typeof anyBackend>): { key: string; place: string } {
  if (backend.type !== 'cinder') {
    return { key: 'root', place: `${backend.host ?? ''} ${resolve(backend.root)}` };
  }
  const { cloud = '', noauth } = backend;
  if (noauth === undefined) return { key: 'cloud', place: `cloud ${cloud}` };
  return { key: 'noauth', place: `${new URL(noauth.endpoint).href} ${noauth.project}` };
}

const anyBackend = z.discriminatedUnion('type', [fileBackend, tgtBackend, cinderBackend]);

const hook = z.strictObject({
  url: z.url({ protocol: /^https?$/, error: 'must be a URL with http or https' }),
  /** What it is called for. Default: everything. */
  events: z
    .array(z.enum(HOOK_EVENTS))
    .min(1)
    .default([...HOOK_EVENTS]),
  /** File with the secret that messages are signed with: `whsec_` and base64. */
  secretFile: absolutePath,
});

export const configSchema = z.strictObject({
  /** Host id of this worker; the name other commands use for it. Default: the host's name. */
  host: hostId.default(() => hostname()),
  /** Default: $XDG_STATE_HOME/drayage, or ~/.local/state/drayage. */
  stateDir: absolutePath,
  temporal: z
    .strictObject({
      /** `host:port` of a running server; nothing is started then. */
      address: z.string().optional(),
      namespace: z.string().optional(),
      /** Profile of the Temporal CLI's own configuration file (envconfig). */
      profile: z.string().optional(),
      /** The temporal program, where it is not on PATH. */
      binary: absolutePath.optional(),
      /** Ports of `dray server`. */
      port: z.int().min(1).max(65535).default(7233),
      uiPort: z.int().min(1).max(65535).default(8233),
    })
    .prefault({}),
  backends: z
    .record(z.string().regex(BACKEND_NAME, 'must be lower case letters, digits and -'), anyBackend)
    .superRefine((backends, context) => {
      const names = new Map<string, string>();
      for (const [name, backend] of Object.entries(backends)) {
        const { key, place } = placeOf(backend);
        const other = names.get(place);
        const what = backend.type === 'cinder' ? 'project' : 'directory';
        const message = `backend ${other} has this ${what} already`;
        if (other !== undefined) context.addIssue({ code: 'custom', path: [name, key], message });
        names.set(place, name);
      }
    })
    .default({}),
  iscsi: z
    .strictObject({
      /** Default: made from the host id. */
      initiator: iqn.optional(),
    })
    .prefault({}),
  copy: z
    .strictObject({
      /** Copies this host runs at once. */
      slots: z.int().min(1).max(64).default(2),
      /** The most lanes of all copies on this host; each has as many as any other, at least one. */
      lanes: lanes.default(8),
      /** Limit of every copy on this host, in bytes a second. Default: none. */
      bytesPerSecond: z.int().positive().optional(),
      /** Limits by local time of day, for example `22:00-06:00 unlimited, else 100MiB/s`. */
      timetable: timetable.optional(),
      /** ionice class (1 realtime, 2 best effort, 3 idle) and level (0 to 7). Default: unchanged. */
      ionice: z
        .strictObject({
          class: z.union([z.literal(1), z.literal(2), z.literal(3)]),
          level: z.int().min(0).max(7).exactOptional(),
        })
        .optional(),
    })
    .prefault({}),
  limits: z
    .strictObject({
      heartbeatSeconds: seconds.default(DEFAULT_LIMITS.heartbeatSeconds),
      stepSeconds: seconds.default(DEFAULT_LIMITS.stepSeconds),
      scheduleToStartSeconds: seconds.default(DEFAULT_LIMITS.scheduleToStartSeconds),
      patienceSeconds: seconds.default(DEFAULT_LIMITS.patienceSeconds),
      retryInitialSeconds: seconds.default(DEFAULT_LIMITS.retryInitialSeconds),
      retryMaximumSeconds: seconds.default(DEFAULT_LIMITS.retryMaximumSeconds),
    })
    .prefault({}),
  leaks: z
    .strictObject({
      /** How often Temporal looks for leaks on this host and its backends. */
      everySeconds: z.int().min(60).default(3600),
    })
    .prefault({}),
  metrics: z
    .strictObject({
      /** Where Prometheus gets the metrics of this worker. Default: nowhere. */
      listen: listenAddress.optional(),
    })
    .prefault({}),
  /** By name: who is told of the end, a stall or a parked step of a run. */
  hooks: z
    .record(z.string().regex(BACKEND_NAME, 'must be lower case letters, digits and -'), hook)
    .default({}),
  log: z
    .strictObject({
      level: z.enum(['debug', 'info', 'warn', 'error']).default('info'),
      /** People read `pretty`, machines `json`. Default: `pretty` on a terminal, else `json`. */
      format: z.enum(['json', 'pretty']).optional(),
    })
    .prefault({}),
});

export type Config = z.infer<typeof configSchema>;
export type BackendConfig = Config['backends'][string];
export type FileBackendConfig = Extract<BackendConfig, { type: 'file' }>;
export type CinderBackendConfig = Extract<BackendConfig, { type: 'cinder' }>;
export type TgtBackendConfig = Extract<BackendConfig, { type: 'tgt' }>;
