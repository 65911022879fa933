import { deflateRawSync } from 'node:zlib';
import type { Certified } from '../../contract/certificate.ts';
import type { CopyPlan, CopyReport } from '../../contract/copy.ts';
import { signCertificate, signingKey } from '../../system/config/signing.ts';
import type { Report } from '../../client/temporal/report.ts';
import { certifiedCopy } from './certified-copy.ts';

/** States of chunks as a copy writes them. */
export const statesOf = (bytes: readonly number[]): string =>
  deflateRawSync(Uint8Array.from(bytes)).toString('base64');

/** The report of a copy that is certified, with the given chunks. */
export async function sampleReport(
  keys: string,
  chunks: readonly number[],
  other: Partial<Certified> = {},
): Promise<Report> {
  const chunkStates = statesOf(chunks);
  const base = certifiedCopy();
  const certified = { ...base, chunks: { ...base.chunks, states: chunkStates }, ...other };
  const certificate = signCertificate(await signingKey(keys), certified);
  const volume = { backend: 'disks', id: 'vm1' };
  const device = { serial: 'S', sizeBytes: 1024 };
  const result: CopyReport = {
    source: volume,
    destination: { backend: 'san', id: 'vm1' },
    host: 'mover1',
    plan: {
      engine: { value: 'direct', because: 'asked for' },
      chunkBytes: 64 * 2 ** 20,
    } as CopyPlan,
    copied: {
      ...{ bytes: 2 ** 30, seconds: 2, mbPerSecond: 512, attempts: 2 },
      ...{ bytesCopiedAgain: 4096, bytesRepaired: 0, chunkStates, unreadable: [], digestsRoot: '' },
      curve: [
        [1000, 2 ** 29],
        [2000, 2 ** 30],
      ],
    },
    verified: {
      ...{ mode: 'written', bytesCompared: 2 ** 30, seconds: 1 },
      ...{ bytesDigestedLate: 0, digestsRoot: '' },
    },
    devices: { source: device, destination: device },
    held: [],
    certificate,
  };
  const from = new Date('2026-11-23T08:00:00Z');
  return {
    certificate,
    shown: {
      ...{ workflowId: 'copy/disks:vm1', runId: 'r1', type: 'copyVolume', state: 'done' },
      ...{ phase: 'done', host: 'mover1', source: 'disks:vm1', destination: 'san:vm1' },
      ...{ needsDecision: false, startedAt: from.toISOString(), steps: [] },
      end: { report: result, held: [] },
    },
    timeline: [
      { verb: 'copyData', about: 'disks:vm1', from, attempts: 2, outcome: 'open' },
      { verb: 'fenceCopier', about: '', from, until: from, attempts: 1, outcome: 'failed' },
    ],
  };
}
