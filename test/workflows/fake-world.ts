import { Context } from '@temporalio/activity';
import { deflateRawSync } from 'node:zlib';
import type { BackendActivities } from '../../activities/backend.ts';
import type { CopyActivities } from '../../activities/copy.ts';
import { toFailure } from '../../activities/failure.ts';
import type { HookActivities } from '../../activities/hooks.ts';
import type { HostActivities } from '../../activities/host.ts';
import type { LeaksActivities } from '../../activities/leaks.ts';
import type { Attachment } from '../../contract/attachment.ts';
import type { CopyControl } from '../../contract/control.ts';
import { DrayError } from '../../contract/errors.ts';
import type { ByteRange, CopyPlan, EngineName, ZeroHandling } from '../../contract/copy.ts';
import type { HookMessage } from '../../contract/hooks.ts';
import type { OwnerFacts, Sighting, Survey } from '../../contract/leaks.ts';
import type { ReadPlan } from '../../contract/verify.ts';
import { formatVolume, type Undone, type VolumeRef } from '../../contract/volume.ts';

/** What stands between a call and its answer: throws, waits, or lets it pass. */
export type Trouble = (attempt: number) => void | Promise<void>;

/** What is acquired for one attachment; all false is what every test must end with. */
type Acquired = { exported: boolean; connection: boolean; device: boolean; encryptor: boolean };

const GIB = 1024 ** 3;
const CHUNK_BYTES = 2 ** 26;
/** All of them copied. */
const chunkStates = deflateRawSync(Buffer.alloc(GIB / CHUNK_BYTES, 1)).toString('base64');

/**
 * Activities without a system behind them. They keep what is acquired and record every call and
 * every order that would lose data, so that a test can ask for both.
 */
export class FakeWorld {
  /** Calls that took effect, in order, for example `source.connectVolume`. */
  readonly calls: string[] = [];
  /** Orders that must never happen. */
  readonly violations: string[] = [];
  /** What the host was told of wishes, in order. */
  readonly controls: CopyControl[] = [];
  /** By volume: whose attachment has it, and the reservation's id. */
  readonly reserved = new Map<string, { holder: string; id: string }>();
  readonly acquired = new Map<string, Acquired>();
  readonly states = new Map<string, string[]>();
  readonly sizes = new Map<string, number>();
  encrypted = false;
  zeros: ZeroHandling = 'write';
  /** Its copies lack digests, as those that came from another host. */
  engine: EngineName = 'dd';
  revoke: 'revoked' | 'cannot' = 'revoked';
  copierAlive = false;
  /** Where source and destination differ. */
  differing: ByteRange[] = [];
  /** As verify tells it. */
  bytesDigestedLate = 0;
  /** What the workflow does that made an attachment which another one takes back. */
  owner: OwnerFacts['state'] = 'ended';
  /** Names of webhooks, and what they were told. */
  hooks: string[] = [];
  readonly told: HookMessage[] = [];
  /** By place: what a look there finds. */
  readonly sightings = new Map<string, Sighting[]>();
  readonly #before = new Map<string, Trouble>();
  readonly #after = new Map<string, Trouble>();
  readonly #attempts = new Map<string, number>();

  /** Trouble before the step takes effect. */
  before(step: string, trouble: Trouble): this {
    this.#before.set(step, trouble);
    return this;
  }

  /** The step takes effect, but its answer is lost. */
  after(step: string, trouble: Trouble): this {
    this.#after.set(step, trouble);
    return this;
  }

  calm(step: string): void {
    this.#before.delete(step);
    this.#after.delete(step);
  }

  get leftovers(): string[] {
    const acquired = [...this.acquired].flatMap(([id, each]) =>
      Object.entries(each)
        .filter(([, held]) => held)
        .map(([what]) => `${id.split('.').slice(-2)[0]}.${what}`),
    );
    return [...acquired, ...[...this.reserved.keys()].map((name) => `${name} reserved`)];
  }

  #survey(): Promise<Survey> {
    const place = Context.current().info.taskQueue;
    return this.#step(`survey.${place}`, () => ({
      place,
      sightings: this.sightings.get(place) ?? [],
    }));
  }

  async #step<T>(name: string, effect: () => T): Promise<T> {
    const attempt = (this.#attempts.get(name) ?? 0) + 1;
    this.#attempts.set(name, attempt);
    try {
      await this.#before.get(name)?.(attempt);
      const result = effect();
      this.calls.push(name);
      await this.#after.get(name)?.(attempt);
      return result;
    } catch (error) {
      throw toFailure(error);
    }
  }

  #of({ id }: Attachment): Acquired {
    const none = { exported: false, connection: false, device: false, encryptor: false };
    const acquired = this.acquired.get(id) ?? none;
    this.acquired.set(id, acquired);
    return acquired;
  }

  #take(attachment: Attachment, what: keyof Acquired, verb: string): Promise<void> {
    return this.#step(`${attachment.role}.${verb}`, () => {
      this.#of(attachment)[what] = true;
    });
  }

  #release(attachment: Attachment, what: keyof Acquired, verb: string): Promise<Undone> {
    return this.#step(`${attachment.role}.${verb}`, () => {
      const acquired = this.#of(attachment);
      if (this.copierAlive) this.violations.push(`${verb} under a living copier`);
      if (what === 'exported' && (acquired.device || acquired.connection)) {
        this.violations.push(`${verb} under a live device`);
      }
      if (what === 'device' && acquired.encryptor) this.violations.push(`${verb} under LUKS`);
      const was = acquired[what];
      acquired[what] = false;
      return was ? 'done' : 'alreadyGone';
    });
  }

  readonly backend: BackendActivities = {
    surveyBackend: () => this.#survey(),
    describeVolume: (volume) =>
      this.#step(`describeVolume.${formatVolume(volume)}`, () => ({
        ...volume,
        sizeBytes: this.sizes.get(formatVolume(volume)) ?? GIB,
        state: 'available',
        neverWritten: false,
      })),
    createVolume: ({ volume, sizeBytes }) =>
      Promise.resolve({ ...volume, sizeBytes, state: 'available', neverWritten: true }),
    deleteVolume: () => Promise.resolve('done'),
    listVolumes: () => Promise.resolve([]),
    examineBackend: () => Promise.resolve([]),
    createExport: async ({ attachment, takesOver }) => {
      await this.#step(`${attachment.role}.createExport`, () => {
        const name = formatVolume(attachment.volume);
        const before = this.reserved.get(name) ?? { holder: attachment.id, id: attachment.id };
        if (![attachment.id, takesOver].includes(before.holder)) {
          throw new DrayError('VolumeBusy', { volume: name, holder: before.holder });
        }
        this.reserved.set(name, { ...before, holder: attachment.id });
        this.#of(attachment).exported = true;
      });
      const facts = { serial: 'S', sizeBytes: GIB, readsAsZeros: false };
      return {
        name: attachment.id,
        reservation: this.reserved.get(formatVolume(attachment.volume))!.id,
        ...facts,
      };
    },
    initializeConnection: async ({ attachment }) => {
      await this.#take(attachment, 'connection', 'initializeConnection');
      return { driverVolumeType: 'local', data: { encrypted: this.encrypted } };
    },
    completeConnection: ({ attachment }) =>
      this.#step(`${attachment.role}.completeConnection`, () => undefined),
    revokeAccess: ({ attachment }) =>
      this.#step(`${attachment.role}.revokeAccess`, () => {
        if (this.revoke === 'revoked') this.#of(attachment).connection = false;
        return this.revoke;
      }),
    terminateConnection: ({ attachment }) =>
      this.#release(attachment, 'connection', 'terminateConnection'),
    removeExport: async ({ attachment, keepReservation }) => {
      const undone = await this.#release(attachment, 'exported', 'removeExport');
      const name = formatVolume(attachment.volume);
      const isHolder = this.reserved.get(name)?.holder === attachment.id;
      if (isHolder && keepReservation !== true) this.reserved.delete(name);
      return undone;
    },
    inspectExport: ({ attachment: { id, volume } }) => {
      const holder = this.reserved.get(formatVolume(volume))?.holder;
      const reservedBy = holder === undefined ? {} : { reservedBy: holder };
      return Promise.resolve({ ...reservedBy, exported: holder === id, sessions: [] });
    },
    setVolumeState: ({ volume, state }) =>
      this.#step(`setVolumeState.${formatVolume(volume)}`, () => {
        const name = formatVolume(volume);
        this.states.set(name, [...(this.states.get(name) ?? []), state]);
        return 'done';
      }),
  };

  readonly host: HostActivities = {
    surveyHost: () => this.#survey(),
    answer: () => this.#step('answer', () => undefined),
    getConnectorProperties: () =>
      this.#step('getConnectorProperties', () => ({
        ...({ host: 'h1', ip: '127.0.0.1', platform: 'x86_64', os_type: 'linux' } as const),
        ...({ multipath: false, do_local_attach: false } as const),
        protocols: ['local'],
        unavailable: {},
      })),
    examineHost: () => Promise.resolve({ clockMs: Date.now(), keys: { opens: [] }, findings: [] }),
    connectVolume: async ({ attachment }) => {
      await this.#take(attachment, 'device', 'connectVolume');
      return { path: '/dev/x', sizeBytes: GIB, accessMode: attachment.accessMode };
    },
    proveDevice: ({ attachment }) =>
      this.#step(`${attachment.role}.proveDevice`, () => ({ serial: 'S', sizeBytes: GIB })),
    attachEncryptor: async ({ attachment, device }) => {
      await this.#take(attachment, 'encryptor', 'attachEncryptor');
      return { ...device, path: '/dev/mapper/x' };
    },
    detachEncryptor: ({ attachment }) => this.#release(attachment, 'encryptor', 'detachEncryptor'),
    disconnectVolume: ({ attachment }) => this.#release(attachment, 'device', 'disconnectVolume'),
    planCopy: () =>
      this.#step('planCopy', () => {
        const zeros = { value: this.zeros, because: 'a test' };
        const engine = { value: this.engine, because: 'a test' };
        return { bytesTotal: GIB, chunkBytes: CHUNK_BYTES, zeros, engine } as CopyPlan;
      }),
    controlCopy: ({ control }) => {
      this.controls.push(control);
      return this.#step('controlCopy', () => undefined);
    },
    certify: ({ certified }) =>
      this.#step('certify', () => ({
        ...{ certified, keyId: '0'.repeat(16), publicKey: '0'.repeat(64) },
        signature: '0'.repeat(128),
      })),
    planRead: () => this.#step('planRead', () => ({ bytesTotal: GIB }) as ReadPlan),
    inspectHost: () => Promise.resolve({ epoch: 1, copierPids: [], devices: {} }),
    fenceCopier: () =>
      this.#step('fenceCopier', () => {
        const was = this.copierAlive;
        this.copierAlive = false;
        return was ? 'done' : 'alreadyGone';
      }),
  };

  /** Temporal, as steps see it. */
  readonly dray: LeaksActivities & HookActivities = {
    isAtWork: () => this.#step('isAtWork', () => this.owner === 'open'),
    lastHeartbeat: () => Promise.resolve(undefined),
    askOwners: (owners) => Promise.resolve(owners.map(() => ({ state: this.owner }))),
    askReleases: (ids) => Promise.resolve(ids.map(() => 'none' as const)),
    startReleases: () => Promise.resolve([]),
    hooksFor: () => Promise.resolve(this.hooks),
    callHook: ({ message }) =>
      this.#step('callHook', () => {
        this.told.push(message);
      }),
  };

  readonly copy: CopyActivities = {
    copyData: async () => {
      this.copierAlive = true;
      await this.#step('copyData', () => undefined);
      this.copierAlive = false;
      const again = { attempts: 1, bytesCopiedAgain: 0, bytesRepaired: 0, unreadable: [] };
      const curve: [number, number][] = [[1000, GIB]];
      return {
        bytes: GIB,
        seconds: 1,
        mbPerSecond: 1024,
        ...again,
        chunkStates,
        curve,
        digestsRoot: '',
      };
    },
    compareVolumes: ({ attachments }) =>
      this.#step('compareVolumes', () => {
        for (const { role, accessMode } of Object.values(attachments)) {
          if (accessMode !== 'ro') this.violations.push(`a writable ${role} is compared`);
        }
        const differing = this.differing;
        const bytesDiffering = differing.reduce((sum, { length }) => sum + length, 0);
        const counts = { rangesDiffering: differing.length, bytesDiffering, digestsRoot: '' };
        const equal = differing.length === 0;
        return { equal, bytesCompared: GIB, seconds: 1, differing, ...counts };
      }),
    verifyCopy: ({ mode }) =>
      this.#step('verifyCopy', () => {
        const digests = { bytesDigestedLate: this.bytesDigestedLate, digestsRoot: '' };
        return { mode, bytesCompared: GIB, seconds: 1, ...digests };
      }),
  };
}

/** Heartbeats until the step is cancelled, then ends as a cancelled one. */
export async function untilCancelled(): Promise<void> {
  const context = Context.current();
  const timer = setInterval(() => context.heartbeat(), 200);
  try {
    await context.cancelled;
  } finally {
    clearInterval(timer);
  }
}

export const SOURCE: VolumeRef = { backend: 'a', id: 'v1' };
export const DESTINATION: VolumeRef = { backend: 'b', id: 'v2' };
