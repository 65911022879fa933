import type { Certificate, Certified } from '../../contract/certificate.ts';
import { renderBytes, renderSeconds } from '../render/quantities.ts';
import { countCells, decodeChunks } from './chunk-map.ts';

/** Facts under one heading: a name and what it says. */
export type Section = { title: string; rows: Row[] };

type Row = [name: string, says: string];

function renderPlanned(value: unknown): string {
  if (typeof value !== 'object' || value === null) return String(value);
  if (!('value' in value)) return JSON.stringify(value);
  const { value: chosen, because } = value as { value: unknown; because?: unknown };
  return `${renderPlanned(chosen)}: ${String(because)}`;
}

/** `bytesTotal` as `bytes total`. */
const inWords = (name: string): string =>
  name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);

const exactBytes = (bytes: number): string =>
  bytes < 1024 ? `${bytes} B` : `${renderBytes(bytes)} (${bytes} B)`;

function volumeSection(title: string, volume: Certified['source']): Section {
  const { sizeBytes, serial } = volume;
  return {
    title,
    rows: [
      ['volume', volume.volume],
      ['size', exactBytes(sizeBytes)],
      ['device serial', serial],
    ],
  };
}

/** Nothing of what was not counted. */
function rowIf(name: string, bytes: number | undefined): Row[] {
  return bytes === undefined ? [] : [[name, exactBytes(bytes)]];
}

function bytesSection({ bytes, chunks, settled, retries, unreadable }: Certified): Section {
  const states = [...countCells(decodeChunks(chunks.states))].map(([s, n]) => `${n} ${s}`);
  const { lanes, requestBytes } = settled;
  return {
    title: 'Bytes',
    rows: [
      ['copied', exactBytes(bytes.total)],
      ...rowIf('read', bytes.read),
      ...rowIf('written', bytes.written),
      ...rowIf('skipped', bytes.skipped),
      ...rowIf('zeroed', bytes.zeroed),
      ['chunks', `of ${renderBytes(chunks.chunkBytes)}: ${states.join(', ')}`],
      ['root of digests', chunks.digestsRoot === '' ? 'none' : chunks.digestsRoot],
      ['digested late', exactBytes(chunks.bytesDigestedLate)],
      ...(lanes === undefined ? [] : [['lanes', String(lanes)] satisfies Row]),
      ...rowIf('a request', requestBytes),
      ['attempts', String(retries.attempts)],
      ['copied again', exactBytes(retries.bytesCopiedAgain)],
      ['repaired', exactBytes(retries.bytesRepaired)],
      ...unreadable.flatMap(({ offset, length }) => rowIf(`unreadable at ${offset}`, length)),
    ],
  };
}

function renderControl({ control, release, host }: Certified['controlChanges'][number]): string {
  const { paused, limit } = control;
  const rate = typeof limit === 'number' ? `limit ${renderBytes(limit)}/s` : 'no limit asked for';
  return [
    ...(paused ? ['paused'] : []),
    ...(release === true ? ['both volumes detached'] : []),
    ...(host === undefined ? [] : [`resumed on ${host}`]),
    rate,
  ].join(', ');
}

/** What a certificate says, for people; the same in the terminal and on the page. */
export function factsOf({ certified, keyId, publicKey }: Certificate): Section[] {
  const { copy, source, destination, plan, verification, times, decisions, undo, held } = certified;
  const { mode, statement, bytesCompared, milliseconds } = verification;
  return [
    {
      title: 'Copy',
      rows: [
        ['workflow', copy.workflowId],
        ['run', `${copy.runId} in namespace ${copy.namespace}`],
        ['host', certified.host],
        ['started', times.startedAt],
        ['released', times.releasedAt],
        ['copied in', renderSeconds(times.copyMilliseconds / 1000)],
      ],
    },
    volumeSection('Source', source),
    volumeSection('Destination', destination),
    { title: 'Plan', rows: Object.entries(plan).map(([k, v]) => [inWords(k), renderPlanned(v)]) },
    bytesSection(certified),
    {
      title: 'Verification',
      rows: [
        ['mode', mode],
        ['statement', statement],
        ['compared', `${exactBytes(bytesCompared)} in ${renderSeconds(milliseconds / 1000)}`],
      ],
    },
    {
      title: 'Changes while it ran',
      rows: certified.controlChanges.map((change) => [
        change.at,
        [renderControl(change), ...(change.reason === undefined ? [] : [change.reason])].join(': '),
      ]),
    },
    {
      title: 'Decisions',
      rows: decisions.map((d) => [
        d.step,
        `${d.decision}${d.host === undefined ? '' : ` to ${d.host}`}: ${d.reason} (${d.at})` +
          `${d.hostIsOff === true ? '; stated that the host is off' : ''}; after ${d.because}`,
      ]),
    },
    {
      title: 'Taken back',
      rows: undo.map(({ step, about, outcome, because, at }) => [
        step,
        `${about}: ${outcome}${because === undefined ? '' : `, ${because}`} (${at})`,
      ]),
    },
    {
      title: 'Still held',
      rows: held.map(({ volume, what, because }) => [`${what} of ${volume}`, because]),
    },
    {
      title: 'Signature',
      rows: [
        ['Ed25519 key', keyId],
        ['public key', publicKey],
      ],
    },
  ].filter(({ rows }) => rows.length > 0) as Section[];
}
