import { type Pair, delayOf } from './storages.ts';

/** A program of others, as its command lines, each run after the other. */
export type Tool = {
  name: string;
  /** Whether it goes past the page cache at both ends. */
  isDirect: boolean;
  /** `limit`: it copies nothing, but shows what the storage gives when both ends are kept busy. */
  kind: 'peer' | 'limit';
  commands: (pair: Pair) => string[][];
  /** Why it cannot be measured on a pair; undefined where it can. */
  refuses?: (pair: Pair) => string | undefined;
};

/** What was never written reads as zeros: who can be told so need not write them. */
const isNew = ({ content }: Pair): boolean => content !== 'dense';
const isFile = ({ storage }: Pair): boolean => storage === 'file';
const isFuse = ({ storage }: Pair): boolean => storage === 'iscsi' || delayOf(storage) > 0;

/** Cinder's (volume_utils._copy_volume_with_path), with the flush that ours does too. */
const dd = (block: '1M' | '64M'): Tool => ({
  name: `dd bs=${block}`,
  isDirect: true,
  kind: 'peer',
  commands: (pair) => [
    [
      ...['dd', `if=${pair.source}`, `of=${pair.destination}`, `count=${pair.sizeBytes}`],
      ...[`bs=${block}`, 'iflag=count_bytes,direct', 'oflag=direct'],
      `conv=notrunc,fdatasync${isNew(pair) ? ',sparse' : ''}`,
    ],
  ],
});

/** What it finds of holes it makes by changing the length, which only plain files let it do. */
const cp: Tool = {
  name: 'cp',
  isDirect: false,
  kind: 'peer',
  commands: (pair) => [
    [
      ...['cp', `--sparse=${isNew(pair) && isFile(pair) ? 'always' : 'never'}`],
      ...[pair.source, pair.destination],
    ],
    ['sync', '--data', pair.destination],
  ],
};

/** nbdcopy alone truncates a file, which FUSE devices refuse; nbdkit's file plugin does not. */
const nbdcopy: Tool = {
  name: 'nbdcopy --flush',
  isDirect: false,
  kind: 'peer',
  commands: (pair) => [
    [
      ...['nbdcopy', '--flush', ...(isNew(pair) ? ['--destination-is-zero'] : []), '--'],
      pair.source,
      ...(isFuse(pair)
        ? ['[', 'nbdkit', '--exit-with-parent', 'file', pair.destination, ']']
        : [pair.destination]),
    ],
  ],
};

const qemuImg: Tool = {
  name: 'qemu-img convert',
  isDirect: true,
  kind: 'peer',
  commands: (pair) => [
    [
      ...['qemu-img', 'convert', '-n', '-W', '-m', '16', '-t', 'none', '-T', 'none'],
      ...['-f', 'raw', '-O', 'raw', ...(isNew(pair) ? ['--target-is-zero'] : [])],
      ...[pair.source, pair.destination],
    ],
  ],
};

const ddrescue: Tool = {
  name: 'ddrescue',
  isDirect: true,
  kind: 'peer',
  commands: (pair) => [
    [
      ...['ddrescue', '--quiet', '--force', '--idirect', '--odirect'],
      ...[
        '--sector-size=4096',
        '--cluster-size=256',
        ...(isNew(pair) && isFile(pair) ? ['--sparse'] : []),
      ],
      ...[pair.source, pair.destination],
    ],
    ['sync', '--data', pair.destination],
  ],
};

const DEPTH = 32;

const fio: Tool = {
  name: 'fio, read and write',
  isDirect: true,
  kind: 'limit',
  commands: ({ source, destination, sizeBytes }) => [
    [
      ...['fio', '--output=/dev/null', '--ioengine=libaio', '--direct=1', '--bs=1M'],
      ...[`--iodepth=${DEPTH}`, `--size=${sizeBytes}`, '--allow_file_create=0'],
      ...['--name=read', '--rw=read', `--filename=${source}`],
      ...['--name=write', '--rw=write', `--filename=${destination}`, '--end_fsync=1'],
    ],
  ],
  refuses: ({ content }) => (content === 'dense' ? undefined : 'it knows no zeros'),
};

/** The tool that all others are compared with. */
export const BASE = dd('1M');

export const TOOLS: readonly Tool[] = [BASE, dd('64M'), cp, nbdcopy, qemuImg, ddrescue, fio];
