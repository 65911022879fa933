import type { ChildProcess } from 'node:child_process';
import { EventEmitter } from 'node:events';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterAll, describe, expect, vi } from 'vitest';
import { z } from 'zod';
import { type ByteRange, CHUNK_STATES } from '../../contract/copy.ts';
import { type EndState, inspectEnd } from '../../copy/end-state.ts';
import { readCopierLine } from '../../copy/engines/file.ts';
import { errnoOfMessage } from '../../copy/errnos.ts';
import { failedEnd } from '../../copy/failed-end.ts';
import { EndError } from '../../copy/lanes/end.ts';
import { followLanes } from '../../copy/lanes/follow.ts';
import { SourceMap } from '../../copy/lanes/source-map.ts';
import { Zeroing } from '../../copy/lanes/zeroing.ts';
import { holdsLease, type Lease, ownerOf } from '../../copy/lease.ts';
import { openRefusal, whySilent } from '../../copy/probe.ts';
import { missingBytes } from '../../copy/ranges.ts';
import { Steering } from '../../copy/steering.ts';
import { liftLimits, makeGroup, usableController } from '../../copy/throttle/cgroup.ts';
import { chooseZeros } from '../../copy/zeros.ts';
import { inFile, inPlaceOf, itSurvives, type Parser } from '../rig/fuzz.ts';
import { plantedFiles, plantedTools } from '../rig/planted.ts';

/** What the next program says, and then it has ended. */
const next = vi.hoisted((): { says: Buffer } => ({ says: Buffer.alloc(0) }));

vi.mock('node:child_process', async (real) => ({
  ...(await real<object>()),
  spawn: () => {
    const stdout = new PassThrough();
    const child = Object.assign(new EventEmitter(), { stdout, stdin: new PassThrough().resume() });
    stdout.once('end', () => child.emit('close', 0, null));
    stdout.end(next.says);
    return child;
  },
}));
vi.mock('node:fs', async (module) => {
  const real = await module<{ readFileSync: (path: string, encoding: string) => string }>();
  return {
    ...real,
    // Of a copier, which has its ends open and the lock of its destination.
    readFileSync: (path: string, encoding: string) =>
      path.startsWith('/proc/self/fdinfo/')
        ? 'lock:\t1: FLOCK  ADVISORY  WRITE 1 00:2b:7 0 EOF\n'
        : real.readFileSync(path, encoding),
    fstatSync: () => ({ isBlockDevice: () => false }),
    statfsSync: () => ({ type: 0 }),
  };
});
vi.mock('node:fs/promises', async (real) => {
  const { planting } = await import('../rig/planted.ts');
  return planting(await real());
});
vi.mock('../../system/run.ts', async (real) => {
  const { plantingTools } = await import('../rig/planted.ts');
  return plantingTools(await real());
});

const directory = await mkdtemp(join(tmpdir(), 'dray-fuzz-'));
const at = (name: string): string => join(directory, name);
afterAll(() => rm(directory, { recursive: true }));

const count = z.int().min(0);
const range = z.strictObject({ offset: count, length: count });
const errno = z.string().regex(/^E[A-Z0-9]{2,}$/);
const device = { path: '/v', sizeBytes: 4096, accessMode: 'rw' } as const;
const end: Omit<EndState, 'kind' | 'sizeBytes'> = { onDevice: '8:0', identity: 'block 8:0' };

const roots = { v1: at('v1'), v2: at('v2') };
await mkdir(roots.v1);
await mkdir(roots.v2);
const limit = { device: '8:16', role: 'destination', bytesPerSecond: 1024 } as const;
const group = await makeGroup(at('b.v'), 'cgroup-v1', limit, roots);

async function steeredBy(): Promise<object> {
  const wishes = {
    runId: 'run-1',
    control: { version: 0, paused: false },
    hostLimit: () => undefined,
  };
  const quiet = (): void => undefined;
  const log = { debug: quiet, info: quiet, warn: quiet, error: quiet };
  const run = { copyId: 'copy-1', log, wishes, plan: {} };
  const steering = await Steering.open({ directory }, run);
  steering.close();
  return { paused: steering.paused, limit: steering.limit };
}

describe('whatever is in the place of', () => {
  itSurvives([
    {
      name: 'what people want of a copy, it is known or counts for nothing',
      sample: '{"runId":"run-1","control":{"version":3,"paused":true,"limit":1048576}}',
      parse: inFile(at('control.json'), steeredBy),
      answers: z.strictObject({ paused: z.boolean(), limit: z.int().min(1).optional() }),
    },
    {
      name: 'a lease, it is held by its own token alone',
      sample: '9f8e7d6c5b4a3210\n',
      parse: (bytes) => {
        const lease = { leaseFile: at('lease'), token: '9f8e7d6c5b4a3210' } as Lease;
        const holds = inFile(lease.leaseFile, () => holdsLease(lease))(bytes);
        if (holds === true) expect(bytes.toString().trim()).toBe(lease.token);
        return holds;
      },
      answers: z.boolean(),
    },
    {
      name: 'the owner of a copier directory, it is a text',
      sample: 'copy.disks.vm1.0198f0f0-1111-7222-8333-444455556666',
      parse: inFile(at('copy'), () => ownerOf(directory)),
      answers: z.string(),
    },
    {
      name: 'the controllers of a host, one of them limits or none',
      sample: 'cpuset cpu io memory pids\n',
      parse: inFile(join(roots.v2, 'cgroup.controllers'), () => usableController(roots)),
      answers: z.enum(['cgroup-v1', 'cgroup-v2']).optional(),
    },
    {
      name: 'the limits of a group, they are lifted',
      sample: '8:16 1048576\n8:0 2\n',
      parse: inFile(join(group, 'blkio.throttle.write_bps_device'), () =>
        liftLimits(at('b.v'), roots),
      ),
      answers: z.undefined(),
    },
    {
      name: 'how much a device zeroes by itself, nothing else than a number counts',
      sample: '8388608\n',
      parse: inPlaceOf('/sys/dev/block/8:0/queue/write_zeroes_max_bytes', async () => {
        const facts = { destinationReadsAsZeros: false, encrypted: false };
        const state = { ...end, kind: 'block' as const, sizeBytes: 4096 };
        return (await chooseZeros('direct', { device, state }, facts)).value;
      }),
      answers: z.enum(['discard', 'write']),
    },
  ]);
});

const reason = z.string().optional();
const refusing =
  (ask: (path: string) => Promise<unknown>): Parser['parse'] =>
  (bytes) => {
    plantedTools.set('dd', () => ({ status: 1, stderr: bytes.toString() }));
    return ask('/v');
  };
const looking =
  (block: boolean): Parser['parse'] =>
  (bytes) => {
    plantedTools.set('stat', () => ({ stdout: bytes.toString() }));
    if (block) plantedFiles.set('/sys/dev/block/8:0/size', Buffer.from('8\n'));
    return inspectEnd(device, 'source');
  };
const seen = z.strictObject({
  kind: z.enum(['block', 'file']),
  onDevice: z.string().regex(/^\d+:\d+$/),
  identity: z.string().regex(/^(file \d+ \d+|block \d+:\d+)$/),
  sizeBytes: z.literal(device.sizeBytes),
});

describe('whatever a tool says of', () => {
  itSurvives([
    {
      name: 'a file, it is an end or lost',
      sample: '81a4 2049 1031 0 4096',
      parse: looking(false),
      answers: seen,
      refuses: ['DeviceLost', 'ToolFailed'],
    },
    {
      name: 'a block device, it is an end or lost',
      sample: '61b0 5 300 2048 0',
      parse: looking(true),
      answers: seen,
      refuses: ['DeviceLost', 'ToolFailed'],
    },
    {
      name: 'a block device, its size in the kernel is its own or it is lost',
      sample: '8\n',
      parse: (bytes) => {
        plantedTools.set('stat', () => ({ stdout: '61b0 5 300 2048 0' }));
        return inPlaceOf('/sys/dev/block/8:0/size', () => inspectEnd(device, 'source'))(bytes);
      },
      answers: seen,
      refuses: ['DeviceLost'],
    },
    {
      name: 'a read that failed, it is a reason',
      sample: "dd: error reading '/v': Input/output error\n0+0 records in\n",
      parse: refusing(whySilent),
      answers: reason,
    },
    {
      name: 'an end that cannot be opened, it is a reason',
      sample: "dd: failed to open '/v': Operation not permitted\n",
      parse: refusing(openRefusal),
      answers: reason,
    },
    {
      name: 'an end that failed, it is that end or none',
      sample: "error writing '/dev/fd/4': No space left on device",
      parse: (bytes) => failedEnd(bytes.toString()),
      answers: z
        .strictObject({ role: z.enum(['source', 'destination']), errno: errno.optional() })
        .optional(),
    },
    {
      name: 'an error, it is an errno or none',
      sample: 'Input/output error',
      parse: (bytes) => errnoOfMessage(bytes.toString()),
      answers: errno.optional(),
    },
    {
      name: 'how far it came, it is a number or not said',
      sample: 'flushed 4194304',
      parse: (bytes) => readCopierLine(bytes.toString()),
      answers: z.strictObject({ kind: z.enum(['submitted', 'flushed']), bytes: count }).optional(),
    },
  ]);
});

/** A lanes' program that sends one message and ends. */
async function followed(message: unknown): Promise<object> {
  const child = Object.assign(new EventEmitter(), {
    send: () => true,
    kill: () => setImmediate(() => child.emit('close', null, 'SIGTERM')),
  });
  const told = { moved: [] as unknown[], done: [] as unknown[], notices: [] as unknown[] };
  const ended = followLanes(child as unknown as ChildProcess, new AbortController().signal, {
    moved: (bytes, setting) => void told.moved.push({ bytes, setting }),
    done: (chunks) => {
      told.done.push(...chunks);
      return Promise.resolve(0);
    },
    notice: (words) => void told.notices.push(words),
  });
  child.emit('message', message);
  setImmediate(() => child.emit('close', 0, null));
  const { words } = await ended;
  return { ...told, words };
}

const digest = z.string().optional();
const heard = z.strictObject({
  moved: z.array(
    z.strictObject({
      bytes: count,
      setting: z.strictObject({ lanes: count, requestBytes: count }),
    }),
  ),
  done: z.array(
    range.extend({
      digests: z.strictObject({ source: digest, destination: digest }),
      copied: z
        .strictObject({
          state: z.enum(CHUNK_STATES),
          counts: z.strictObject({
            ...{ bytesRead: count, bytesWritten: count, bytesSkipped: count, bytesZeroed: count },
          }),
          moved: count,
          unreadable: z.array(range),
        })
        .optional(),
    }),
  ),
  notices: z.array(z.string()),
  words: z.string(),
});
const CHUNK = {
  ...{ offset: 4096, length: 8192, digests: { source: 'ab'.repeat(32) } },
  copied: {
    state: 'copied',
    counts: { bytesRead: 8192, bytesWritten: 8192, bytesSkipped: 0, bytesZeroed: 0 },
    moved: 8192,
    unreadable: [{ offset: 4096, length: 512 }],
  },
};
const SAID = [
  { kind: 'moved', bytes: 8192, setting: { lanes: 4, requestBytes: 4096 } },
  { kind: 'done', chunks: [CHUNK, { ...CHUNK, offset: 12_288 }] },
  { kind: 'notice', words: 'holes are read' },
  { kind: 'failed', words: "error reading '/dev/fd/3': EIO" },
];

describe('whatever the lanes tell, it is known before it counts:', () => {
  itSurvives(
    SAID.map((said) => ({
      name: said.kind,
      sample: JSON.stringify(said),
      parse: (bytes) => {
        let message: unknown = bytes.toString();
        try {
          message = JSON.parse(bytes.toString());
        } catch {
          // A text is a message as well.
        }
        return followed(message);
      },
      answers: heard,
      refuses: ['Unexpected'],
    })),
    150,
  );
});

const WHOLE: ByteRange = { offset: 4096, length: 61_440 };

/** Where a program that goes through the range in order has told of nothing but holes. */
function holesTold(lines: readonly string[]): ByteRange[] {
  const holes: ByteRange[] = [];
  const behind = WHOLE.offset + WHOLE.length;
  let known = WHOLE.offset;
  for (const line of lines) {
    if (line === 'end') return [...holes, { offset: known, length: behind - known }];
    const [offset = NaN, length = NaN] = /^\d+ \d+$/.test(line) ? line.split(' ').map(Number) : [];
    if (!(offset >= known && length > 0 && offset + length <= behind)) return holes;
    holes.push({ offset: known, length: offset - known });
    known = offset + length;
  }
  return holes;
}

describe('whatever a helper of the lanes says', () => {
  itSurvives([
    {
      name: 'all is data but what was told to be a hole',
      sample: '4096 8192\n20480 4096\n57344 4096\nend\n',
      parse: async (bytes) => {
        next.says = bytes;
        const map = new SourceMap(WHOLE, () => undefined);
        const data = await map.within(WHOLE);
        const holes = holesTold(bytes.toString('latin1').split('\n').slice(0, -1));
        expect(holes.reduce((sum, hole) => sum + hole.length, 0)).toBe(missingBytes(data, WHOLE));
        for (const hole of holes) expect(missingBytes(data, hole)).toBe(hole.length);
        return data;
      },
      answers: z.array(range),
    },
    {
      name: 'zeros are made only where it says so, and nobody waits for ever',
      sample: '0 \n1 fallocate: mode is unsupported\n',
      parse: async (bytes) => {
        next.says = bytes;
        const zeroing = new Zeroing(() => undefined);
        const zero = (): Promise<boolean> => zeroing.zero({ offset: 0, length: 4096 });
        const isDone = (ask: Promise<boolean>): Promise<boolean> =>
          ask.catch((error: unknown) => {
            expect(error).toBeInstanceOf(EndError);
            return false;
          });
        const outcomes = await Promise.all([isDone(zero()), isDone(zero())]);
        const lines = bytes.toString('latin1').split('\n').slice(0, -1);
        const answers = lines.filter((line) => /^\d+ /.test(line));
        expect(outcomes).toEqual([0, 1].map((i) => answers[i]?.startsWith('0 ') === true));
        expect(await isDone(zero())).toBe(false);
        return outcomes;
      },
      answers: z.array(z.boolean()).length(2),
    },
  ]);
});
