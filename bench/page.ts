import { renderBytes } from '../client/render/quantities.ts';
import { besideBareDd, controlPlaneOf, reportOf, type Run } from './report.ts';

/** A table that reads as well in a terminal as on the page; numbers stand to the right. */
export function table(
  header: readonly string[],
  rows: readonly string[][],
  numbersFrom: number,
): string {
  const widths = header.map((title, i) =>
    Math.max(3, title.length, ...rows.map((row) => row[i]?.length ?? 0)),
  );
  const line = (cells: readonly string[]): string =>
    `| ${cells
      .map((cell, i) => (i < numbersFrom ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)))
      .join(' | ')} |`;
  const rule = widths.map((width, i) => '-'.repeat(width - (i < numbersFrom ? 0 : 1)));
  const aligned = rule.map((dashes, i) => (i < numbersFrom ? dashes : `${dashes}:`));
  return [header, aligned, ...rows].map(line).join('\n');
}

export function machineTable({ machine }: Pick<Run, 'machine'>): string {
  const { memoryMiB, cores, cpu, ...rest } = machine;
  const memory = renderBytes(memoryMiB * 2 ** 20);
  const facts = { cpu: `${cpu}, ${cores} cores`, memory, ...rest };
  return table(['machine', ''], Object.entries(facts), 2);
}

function speedTable(run: Run): string {
  const rows = reportOf(run).rows.map((row) => [
    ...[row.storage, row.work, row.tool],
    ...[row.medianSeconds.toFixed(2), row.mibPerSecond.toFixed(0), row.ratioToDd1M.toFixed(2)],
  ]);
  const header = ['storage', 'work', 'tool', 'seconds', 'MiB/s', 'speed over dd bs=1M'];
  return table(header, rows, 3);
}

const LEAST_RATIO = 0.9;
const MOST_SECONDS = { file: 2, iscsi: 5 };

function targetTable(run: Run): string {
  const verdict = (isMet: boolean): string => (isMet ? 'met' : 'missed');
  const ratios = besideBareDd(run.samples).map(({ storage, block, ratio }) => [
    ...[storage, `copyData over bare dd bs=${block}`, ratio.toFixed(2)],
    ...[`at least ${LEAST_RATIO}`, verdict(ratio >= LEAST_RATIO)],
  ]);
  const times = run.options.storages.flatMap((storage) => {
    const { p50Seconds, p95Seconds } = controlPlaneOf(run.controlPlane[storage] ?? []);
    const what = (percent: string): string => `copy of 1 MiB, ${percent}, seconds`;
    const most = MOST_SECONDS[storage];
    return [
      [storage, what('p50'), p50Seconds.toFixed(2), `under ${most}`, verdict(p50Seconds < most)],
      [storage, what('p95'), p95Seconds.toFixed(2), '', ''],
    ];
  });
  return table(['storage', 'figure', 'measured', 'target', ''], [...ratios, ...times], 2);
}

/** Everything of a run for people. */
export function renderRun(run: Run): string {
  return [machineTable(run), speedTable(run), targetTable(run)].join('\n\n');
}

/** docs/benchmarks.md of a run. */
export function benchmarksPage(run: Run): string {
  const { sizeBytes, rounds, copies } = run.options;
  return `# Benchmarks

Written by \`npm run bench -- --write-docs\`; the figures are of one run on one machine, so that the
ratios tell more than the seconds.

${renderRun(run)}

## What was measured

- Volumes of ${renderBytes(sizeBytes)} full of random data. Each tool copies once a round, in another
  order each time, over ${rounds} rounds. Seconds are medians; a ratio is the median of the rounds' own.
- Before each copy both volumes' files are put out of the page cache, and 5 seconds are waited: a
  virtual machine gives freed memory back to its host meanwhile, and who starts at once is ahead of
  who attaches first.
- \`file\` storage: raw files. \`iscsi\` storage: a tgtd of our own with CHAP, connected through
  qemu-storage-daemon and FUSE at both ends; the bare dd gets devices of the same kind over the same
  files.
- \`dd bs=…\`: the command line of Cinder (\`count\`, \`bs\`, \`iflag=count_bytes[,direct]\`,
  \`oflag=direct\`, O_DIRECT where Drayage's probe found that the end takes it) with
  \`conv=notrunc,fdatasync\` added: without fdatasync its time would end before its bytes are safe,
  which ours never does. Onto a FUSE device 64M goes through the page cache, for both: qemu mixes up
  the parts of longer direct writes.
- \`copy\` by dray: the step copyData from start to completion in the workflow's history.
  \`verify\`: verifyCopy, which reads both ends again.
  \`whole dray copy\`: the command's wall time, with attach, verify and detach.
- Engine \`file\`: reads and writes of 4 MiB through the page cache, after Cinder's
  \`_copy_volume_with_file\`.
- A copy of 1 MiB: from the workflow's start to its end by Temporal's clock, ${copies} copies one after
  the other, on the dev server with the settings of \`dray server\`.
`;
}
