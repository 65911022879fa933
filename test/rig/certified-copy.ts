import type { Certified } from '../../contract/certificate.ts';

const GIB = 2 ** 30;
const AT = '2026-11-23T08:00:00.000Z';

/** What a certificate says of a copy of 1 GiB in which everything there is to say happened. */
export function certifiedCopy(other: Partial<Certified> = {}): Certified {
  return {
    format: 'drayage-certificate',
    version: 1,
    copy: {
      id: 'copy.disks.vm1.r1',
      namespace: 'default',
      workflowId: 'copy/disks:vm1',
      runId: 'r1',
    },
    host: 'mover1',
    source: { volume: 'disks:vm1', sizeBytes: GIB, serial: 'ino:1:2' },
    destination: { volume: 'san:vm1', sizeBytes: 2 * GIB, serial: 'D0C5' },
    plan: {
      engine: { value: 'direct', because: 'asked for' },
      bytesTotal: GIB,
      zeros: { value: 'write', because: 'the destination may hold old data' },
      ionice: { class: 2, level: 7 },
    },
    bytes: { total: GIB, read: GIB, written: GIB, skipped: 0, zeroed: 0 },
    chunks: {
      chunkBytes: 64 * 2 ** 20,
      digestsRoot: 'ab'.repeat(32),
      bytesDigestedLate: 0,
      states: 'Y2BkYGBgYmBg',
    },
    settled: { lanes: 4, requestBytes: 2 ** 20 },
    unreadable: [{ offset: 4096, length: 4096 }],
    verification: {
      mode: 'written',
      statement: 'The source was not read again.',
      bytesCompared: GIB,
      milliseconds: 1500,
    },
    retries: { attempts: 2, bytesCopiedAgain: 4096, bytesRepaired: 64 * 2 ** 20 },
    controlChanges: [{ at: AT, control: { version: 1, paused: false, limit: 1024 } }],
    decisions: [
      {
        ...{ step: 'source.connectVolume', decision: 'retry', reason: 'mended' },
        because: 'BackendUnavailable: backend disks does not answer',
        at: AT,
      },
    ],
    undo: [
      { step: 'fenceCopier', about: 'san:vm1 on mover1', outcome: 'alreadyGone', at: AT },
      { step: 'source.removeExport', about: 'disks:vm1', outcome: 'done', at: AT },
      {
        step: 'destination.disconnectVolume',
        about: 'san:vm1',
        outcome: 'held',
        because: 'skipped by decision: later',
        at: AT,
      },
    ],
    held: [{ volume: 'san:vm1', what: 'device', because: 'skipped by decision: later' }],
    times: {
      startedAt: AT,
      phases: [{ phase: 'copying', at: AT }],
      copyMilliseconds: 2000,
      releasedAt: AT,
    },
    ...other,
  };
}
