import { Command, InvalidArgumentError, Option } from 'commander';
import { readSize } from '../client/arguments.ts';
import type { FleetOptions } from './fleet/options.ts';
import type { PeerOptions } from './peers/options.ts';
import { PEER_STORAGES, type PeerStorage } from './peers/storages.ts';

export type Storage = 'file' | 'iscsi';

export type BenchOptions = {
  /** Bytes of each volume. */
  sizeBytes: number;
  /** How often each tool copies; medians are taken. */
  rounds: number;
  /** Copies of 1 MiB for the cost of the control plane, on each storage. */
  copies: number;
  storages: Storage[];
  json: boolean;
  writeDocs: boolean;
};

/** What is asked for: Drayage beside bare dd, its engines beside what others have, or fleets. */
export type Asked = { dray: BenchOptions } | { peers: PeerOptions } | { fleet: FleetOptions };

type Flags = {
  peers?: true;
  fleet?: number;
  keep?: string;
  size?: number;
  rounds?: number;
  copies: number;
  storage: PeerStorage | 'all';
  json?: true;
  writeDocs?: true;
};

function count(text: string): number {
  if (/^[1-9]\d{0,3}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('It must be a whole number from 1 to 9999.');
}

const isStorage = (name: string): name is Storage => name === 'file' || name === 'iscsi';

/** @throws BadSize; ends the program with a message for anything else that cannot be read */
export function readOptions(argv: readonly string[]): Asked {
  const command = new Command('bench')
    .description('measure copies and their control plane beside bare dd, on this machine')
    .option('--peers', 'measure the engines beside nbdcopy, qemu-img, ddrescue, cp and dd instead')
    .option('--fleet <volumes>', 'measure a fleet of so many volumes of 1 MiB instead', count)
    .option('--size <size>', 'bytes of each volume; default 2GiB, with --peers 1GiB', readSize)
    .option('--rounds <count>', 'how often each tool copies; default 4, with --peers 2', count)
    .option('--copies <count>', 'copies of 1 MiB for the control plane', count, 20)
    .addOption(
      new Option('--storage <kind>', 'what lies below; all but file and iscsi need --peers')
        .choices([...PEER_STORAGES, 'all'])
        .default('all'),
    )
    .option(
      '--keep <file>',
      'with --peers: go on with the storages that this file has no results of',
    )
    .option('--json', 'print one JSON document on stdout and nothing else there')
    .option('--write-docs', 'write docs/benchmarks.md, -peers.md or scale.md from this run')
    .parse(argv);
  const { storage, copies, ...flags } = command.opts<Flags>();
  const how = { json: flags.json === true, writeDocs: flags.writeDocs === true };
  if (flags.fleet !== undefined) return { fleet: { volumes: flags.fleet, ...how } };
  if (flags.peers) {
    const { size: sizeBytes = 2 ** 30, rounds = 2 } = flags;
    const storages = storage === 'all' ? PEER_STORAGES : [storage];
    const keep = flags.keep === undefined ? {} : { keep: flags.keep };
    return { peers: { sizeBytes, rounds, storages, ...keep, ...how } };
  }
  const { size: sizeBytes = 2 * 2 ** 30, rounds = 4 } = flags;
  if (storage === 'all') {
    return { dray: { sizeBytes, rounds, copies, storages: ['file', 'iscsi'], ...how } };
  }
  if (!isStorage(storage)) {
    return command.error(`--storage ${storage} is only measured with --peers`);
  }
  return { dray: { sizeBytes, rounds, copies, storages: [storage], ...how } };
}
