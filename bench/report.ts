import type { Machine } from './machine.ts';
import type { BenchOptions, Storage } from './options.ts';
import { BASE_TOOL, ddTool, drayTool, type Sample } from './samples.ts';
import { median, percentile, rounded } from './statistics.ts';

export type Row = {
  storage: Storage;
  work: string;
  tool: string;
  medianSeconds: number;
  mibPerSecond: number;
  /** Speed over that of `dd bs=1M` in the same round, the median of the rounds. */
  ratioToDd1M: number;
};

export type ControlPlane = { p50Seconds: number; p95Seconds: number };

/** The document of `--json`; its shape is kept, so that runs can be compared. */
export type Report = {
  machine: Machine;
  rows: Row[];
  /** On file storage, iSCSI storage beside it; absent where it was not measured. */
  controlPlane: Partial<ControlPlane> & { iscsi?: ControlPlane };
};

/** The same storage and work with the same block size, ours beside the bare command. */
export type Beside = { storage: Storage; block: '1M' | '64M'; ratio: number };

type Timed = Pick<Sample, 'round' | 'seconds'>;

/** Median over the rounds of the base's seconds divided by the samples' own. */
export function speedOver(base: readonly Timed[], samples: readonly Timed[]): number {
  const ratios = samples.flatMap(({ round, seconds }) => {
    const beside = base.find((sample) => sample.round === round);
    return beside === undefined ? [] : [beside.seconds / seconds];
  });
  return rounded(median(ratios), 3);
}

const bareDd = (samples: readonly Sample[], storage: Storage, tool: string): Sample[] =>
  samples.filter((sample) => sample.storage === storage && sample.tool === tool);

/** Samples of the same thing, in the order in which each was first measured. */
function grouped(samples: readonly Sample[]): Sample[][] {
  const groups = new Map<string, Sample[]>();
  for (const sample of samples) {
    const key = [sample.storage, sample.work, sample.tool].join('\n');
    groups.set(key, [...(groups.get(key) ?? []), sample]);
  }
  return [...groups.values()];
}

export function rowsOf(samples: readonly Sample[], sizeBytes: number): Row[] {
  return grouped(samples).map((group) => {
    const { storage, work, tool } = group[0]!;
    const seconds = median(group.map((sample) => sample.seconds));
    return {
      storage,
      work,
      tool,
      medianSeconds: rounded(seconds, 3),
      mibPerSecond: rounded(sizeBytes / 2 ** 20 / seconds, 1),
      ratioToDd1M: speedOver(bareDd(samples, storage, BASE_TOOL), group),
    };
  });
}

/** How fast our copyData step is beside the bare command of its own block size. */
export function besideBareDd(samples: readonly Sample[]): Beside[] {
  const storages = [...new Set(samples.map(({ storage }) => storage))];
  return storages.flatMap((storage) =>
    (['1M', '64M'] as const).map((block) => {
      const bare = bareDd(samples, storage, ddTool(block));
      const ours = samples.filter(
        ({ work, tool, storage: on }) =>
          on === storage && tool === drayTool(block) && work === bare[0]?.work,
      );
      return { storage, block, ratio: speedOver(bare, ours) };
    }),
  );
}

export function controlPlaneOf(seconds: readonly number[]): ControlPlane {
  return {
    p50Seconds: rounded(percentile(seconds, 50), 3),
    p95Seconds: rounded(percentile(seconds, 95), 3),
  };
}

export type Run = {
  machine: Machine;
  options: Pick<BenchOptions, 'sizeBytes' | 'rounds' | 'copies' | 'storages'>;
  samples: Sample[];
  /** Seconds of each copy of 1 MiB. */
  controlPlane: Partial<Record<Storage, number[]>>;
};

export function reportOf({ machine, options, samples, controlPlane }: Run): Report {
  const { file, iscsi } = controlPlane;
  return {
    machine,
    rows: rowsOf(samples, options.sizeBytes),
    controlPlane: {
      ...(file === undefined ? {} : controlPlaneOf(file)),
      ...(iscsi === undefined ? {} : { iscsi: controlPlaneOf(iscsi) }),
    },
  };
}
