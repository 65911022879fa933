import { speedOver } from '../report.ts';
import { median, rounded } from '../statistics.ts';
import type { PeerSample } from './samples.ts';
import { BASE } from './tools.ts';

export type PeerRow = Pick<
  PeerSample,
  'storage' | 'content' | 'sizeBytes' | 'tool' | 'kind' | 'isDirect'
> & {
  /** Missing where a round gave no figure; why, is in `none`. */
  medianSeconds?: number;
  /** Of the volume's bytes, holes included. */
  mibPerSecond?: number;
  cpuSecondsAGib?: number;
  /** Speed over that of `dd bs=1M`, and of the fastest peer, in the same round; medians. */
  ratioToDd1M?: number;
  ratioToFastest?: number;
  none?: string;
};

type Timed = PeerSample & { seconds: number; cpuSeconds: number };
export type Group = { of: PeerSample; timed: Timed[]; none?: string };

function groupsOf(samples: readonly PeerSample[]): Group[] {
  const groups = new Map<string, PeerSample[]>();
  for (const sample of samples) {
    const key = [sample.storage, sample.content, sample.tool].join('\n');
    groups.set(key, [...(groups.get(key) ?? []), sample]);
  }
  return [...groups.values()].map((group) => {
    const timed = group.flatMap((sample) =>
      'cost' in sample ? [{ ...sample, ...sample.cost }] : [],
    );
    const none = group.flatMap((sample) => ('none' in sample ? [sample.none] : []))[0];
    return { of: group[0]!, timed, ...(none === undefined ? {} : { none }) };
  });
}

export const medianSeconds = ({ timed }: Group): number =>
  median(timed.map(({ seconds }) => seconds));

/** The fastest of others' programs that copied right in every round; `isDirect`: of those alone. */
export function fastestPeer(groups: readonly Group[], isDirect = false): Group | undefined {
  return groups
    .filter(
      ({ of, none }) => of.kind === 'peer' && none === undefined && (of.isDirect || !isDirect),
    )
    .toSorted((a, b) => medianSeconds(a) - medianSeconds(b))[0];
}

/** What stands on one storage with one content: only these are compared with each other. */
export function besides(samples: readonly PeerSample[]): Group[][] {
  const pairs = new Map<string, Group[]>();
  for (const group of groupsOf(samples)) {
    const key = `${group.of.storage}\n${group.of.content}`;
    pairs.set(key, [...(pairs.get(key) ?? []), group]);
  }
  return [...pairs.values()];
}

/** Speed of a group over another's, round by round; undefined where one has no figure. */
export function ratio(of: Group | undefined, over: Group | undefined): number | undefined {
  if (of?.none !== undefined || over?.none !== undefined) return undefined;
  return of && over && speedOver(over.timed, of.timed);
}

function rowOf(group: Group, beside: readonly Group[]): PeerRow {
  const { storage, content, sizeBytes, tool, kind, isDirect } = group.of;
  const row: PeerRow = { storage, content, sizeBytes, tool, kind, isDirect };
  if (group.none !== undefined) return { ...row, none: group.none };
  const toDd = ratio(
    group,
    beside.find(({ of }) => of.tool === BASE.name),
  );
  const toFastest = ratio(group, fastestPeer(beside));
  const seconds = medianSeconds(group);
  const cpu = median(group.timed.map(({ cpuSeconds }) => cpuSeconds));
  return {
    ...row,
    medianSeconds: rounded(seconds, 3),
    mibPerSecond: rounded(sizeBytes / 2 ** 20 / seconds, 1),
    cpuSecondsAGib: rounded(cpu / (sizeBytes / 2 ** 30), 2),
    ...(toDd === undefined ? {} : { ratioToDd1M: toDd }),
    ...(toFastest === undefined ? {} : { ratioToFastest: toFastest }),
  };
}

export function peerRows(samples: readonly PeerSample[]): PeerRow[] {
  return besides(samples).flatMap((beside) => beside.map((group) => rowOf(group, beside)));
}
