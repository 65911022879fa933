import { renderBytes } from '../../client/render/quantities.ts';
import type { Killed } from './kill.ts';
import type { Memory } from './memory.ts';
import { JUDGED, UNDIGESTED } from './ours.ts';
import { besides, fastestPeer, type Group, medianSeconds, ratio } from './rows.ts';
import type { PeerSample } from './samples.ts';
import { BASE } from './tools.ts';
import { TRIED } from './tried.ts';

const MIB = 2 ** 20;

/** What a run has measured. */
export type PeerRun = { samples: PeerSample[]; memory?: Memory[]; killed?: Killed };

export type Target = {
  what: string;
  bound: string;
  /** Missing where the run did not measure it. */
  measured?: string;
  result: 'met' | 'missed' | 'not measured';
  /** What was done about one that is missed. */
  tried?: string;
};

type Bound = { least: number } | { most: number };

function judged(
  what: string,
  bound: Bound,
  value: number | undefined,
  render = (number: number): string => number.toFixed(2),
): Target {
  const words =
    'least' in bound ? `at least ${render(bound.least)}` : `at most ${render(bound.most)}`;
  if (value === undefined) return { what, bound: words, result: 'not measured' };
  const isMet = 'least' in bound ? value >= bound.least : value <= bound.most;
  const tried = isMet ? undefined : TRIED[what];
  const target = { what, bound: words, measured: render(value) };
  return { ...target, result: isMet ? 'met' : 'missed', ...(tried === undefined ? {} : { tried }) };
}

/** Ratios by the bare engine, of dense volumes where nothing else is said. */
function speedTargets(samples: readonly PeerSample[]): Target[] {
  const all = besides(samples);
  const on = (storage: string, content = 'dense'): Group[] =>
    all.find(([group]) => group?.of.storage === storage && group.of.content === content) ?? [];
  const named = (groups: Group[], tool: string): Group | undefined =>
    groups.find(({ of }) => of.tool === tool);
  const overDd = (storage: string): number | undefined =>
    ratio(named(on(storage), JUDGED), named(on(storage), BASE.name));
  const overFastest = (storage: string, isDirect = false): number | undefined =>
    ratio(named(on(storage), JUDGED), fastestPeer(on(storage), isDirect));
  const digests = ['file', 'loop', 'iscsi', 'delay-2ms'].map((storage) =>
    ratio(named(on(storage), JUDGED), named(on(storage), UNDIGESTED)),
  );
  const costs = digests.flatMap((speed) => (speed === undefined ? [] : [1 / speed]));
  const [dense, sparse] = [named(on('file'), JUDGED), named(on('file', 'sparse'), JUDGED)];
  const times = dense && sparse && medianSeconds(sparse) / medianSeconds(dense);
  return [
    judged('iscsi: speed over dd bs=1M', { least: 2 }, overDd('iscsi')),
    judged('iscsi: speed over the fastest peer', { least: 1 }, overFastest('iscsi')),
    judged('2 ms a request: speed over dd bs=1M', { least: 4 }, overDd('delay-2ms')),
    judged(
      'file: speed over the fastest O_DIRECT peer',
      { least: 0.95 },
      overFastest('file', true),
    ),
    judged(
      'digests: time over that without, the most of all storages',
      { most: 1.1 },
      costs.length === 0 ? undefined : Math.max(...costs),
    ),
    judged(
      'file: sparse, time over that of as much dense data',
      { most: 2 },
      sparse?.none === undefined ? times : Infinity,
    ),
  ];
}

function memoryTargets(memory: readonly Memory[]): Target[] {
  return memory.map(({ content, sizeBytes, peakBytes, isWhole }) => {
    const how = isWhole ? '' : ', ended before its end';
    const what = `worker and copier resident, ${content} ${renderBytes(sizeBytes)}${how}`;
    return judged(what, { most: 400 * MIB }, peakBytes, renderBytes);
  });
}

function killTargets(killed: Killed | undefined): Target[] {
  const bytes = killed?.isEqual === false ? Infinity : killed?.bytesWritten;
  const most = (killed?.sizeBytes ?? 0) + 512 * MIB;
  return [
    judged('bytes written, worker killed at half', { most }, bytes, renderBytes),
    judged('seconds from the killed writer to the next', { least: 0 }, killed?.secondsBetween),
  ];
}

export function targetsOf({ samples, memory = [], killed }: PeerRun): Target[] {
  return [...speedTargets(samples), ...memoryTargets(memory), ...killTargets(killed)];
}
