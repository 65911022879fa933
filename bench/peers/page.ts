import { renderBytes } from '../../client/render/quantities.ts';
import type { Machine } from '../machine.ts';
import { machineTable, table } from '../page.ts';
import { VARIANTS } from './ours.ts';
import type { PeerOptions } from './options.ts';
import { peerRows } from './rows.ts';
import { peersTable } from './table.ts';
import { type PeerRun, targetsOf } from './targets.ts';
import { TOOLS } from './tools.ts';

function targetTable(run: PeerRun): string {
  const rows = targetsOf(run).map(({ what, bound, measured = '', result, tried = '' }) => [
    ...[what, bound, measured, result, tried],
  ]);
  return table(['target', 'bound', 'measured', 'result', 'what was tried'], rows, 5);
}

/** Everything of a run for people. */
export function renderPeers(machine: Machine, run: PeerRun): string {
  return [machineTable({ machine }), peersTable(peerRows(run.samples)), targetTable(run)].join(
    '\n\n',
  );
}

/** As they run on a dense pair of local files of 1 GiB. */
function commandLines(): string {
  const pair = {
    ...({ storage: 'file', content: 'dense', sizeBytes: 2 ** 30 } as const),
    ...{ source: 'SOURCE', destination: 'DESTINATION' },
    files: { source: '', destination: '' },
    close: () => Promise.resolve(),
  };
  const lines = TOOLS.flatMap(({ commands }) => commands(pair).map((argv) => argv.join(' ')));
  const ours = VARIANTS.flatMap(({ flags }) =>
    flags === undefined ? [] : [`dray copy SOURCE DESTINATION ${flags.join(' ')}`],
  );
  return [...lines, ...ours].join('\n');
}

/** On each storage, for example `2 on file, 1 on loop`. */
function roundsOf({ samples }: PeerRun): string {
  const storages = [...new Set(samples.map(({ storage }) => storage))];
  const counts = storages.map((storage) => {
    const rounds = samples.filter((sample) => sample.storage === storage).map((s) => s.round + 1);
    return `${Math.max(...rounds)} on ${storage}`;
  });
  return counts.join(', ');
}

/** docs/benchmarks-peers.md of a run. */
export function peersPage(machine: Machine, run: PeerRun, options: PeerOptions): string {
  return `# Benchmarks beside other tools

Written by \`npm run bench -- --peers --write-docs\`; the figures are of one machine, and each storage's of
one run, so that the ratios tell more than the seconds.

![Speed of each tool on each storage](benchmarks-peers.svg)

${renderPeers(machine, run)}

## What was measured

- Each tool copies a volume once a round, in turned order every second one: ${roundsOf(run)}.
  What gave no figure was not tried again. Seconds are medians; a ratio is the median of the rounds' own.
- \`dense\`: random bytes, onto a destination full of other ones. \`half-zero\`: the second, fourth, …
  64 MiB are zeros, written as data. \`sparse\`: holes with ${renderBytes(options.sizeBytes)} of data in 16 pieces. Destinations
  of the last two are new, and each tool that can be told that they read as zeros is told so.
- \`file\`: raw files. \`loop\`: loop devices with direct I/O. \`iscsi\`: tgtd with CHAP, connected through
  qemu-storage-daemon and FUSE at both ends. \`delay-…\`: a file behind nbdkit, which waits for that
  time in each read and each write, behind nbdfuse, at both ends.
- Before each copy the files are put out of the page cache, and some seconds are waited. After it
  the files are compared: \`corrupt\` stands where a tool ended well and the bytes differ. A long
  direct write to qemu's FUSE export does that, with whatever tool.
- \`engine …\`: Drayage's plan and engine in a process that runs already, as the worker does, from the
  plan to the last flush. \`dray copy, …\`: the whole command with attach, verify (which reads both
  ends again) and detach; only on \`file\` and \`iscsi\`, since the others are no backends of Drayage.
- CPU is that of the tool and its children, of \`dray copy\` the worker's too; never that of tgtd,
  qemu-storage-daemon, nbdkit or nbdfuse. Per GiB of the volume, holes included.
- \`cp\` and \`nbdcopy\` go through the page cache at the destination, and cp at both ends; what they left
  there is flushed within their time. \`fio\` copies nothing: it reads the source and writes the
  destination at the same time, each with 32 requests of 1 MiB under way.
- Resident memory: the sum over the worker and all its children, sampled every 50 ms during a whole
  \`dray copy\`; of pages of files, which are those of the same program for the most part, the most that
  one process has.
- Killed: the process with the worker's part of the bare engine gets SIGKILL once half of a new file
  is allocated, and the same copy is started at once by another one; both run under strace, and
  every write that began counts.

Command lines, on dense volumes of local files:

\`\`\`sh
${commandLines()}
\`\`\`
`;
}
