import { Command, InvalidArgumentError, Option } from 'commander';
import { readSize } from '../client/arguments.ts';

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

type Flags = {
  size: number;
  rounds: number;
  copies: number;
  storage: Storage | 'all';
  json?: true;
  writeDocs?: true;
};

function count(text: string): number {
  if (/^[1-9]\d{0,3}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('It must be a whole number from 1 to 9999.');
}

/** @throws BadSize; ends the program with a message for anything else that cannot be read */
export function readOptions(argv: readonly string[]): BenchOptions {
  const flags = new Command('bench')
    .description('measure copies and their control plane beside bare dd, on this machine')
    .option('--size <size>', 'bytes of each volume', readSize, 2 * 2 ** 30)
    .option('--rounds <count>', 'how often each tool copies; even is fair', count, 4)
    .option('--copies <count>', 'copies of 1 MiB for the control plane', count, 20)
    .addOption(
      new Option('--storage <kind>', 'what lies below')
        .choices(['file', 'iscsi', 'all'])
        .default('all'),
    )
    .option('--json', 'print one JSON document on stdout and nothing else there')
    .option('--write-docs', 'write docs/benchmarks.md from this run')
    .parse(argv)
    .opts<Flags>();
  const { size: sizeBytes, rounds, copies, storage } = flags;
  const storages: Storage[] = storage === 'all' ? ['file', 'iscsi'] : [storage];
  const [json, writeDocs] = [flags.json === true, flags.writeDocs === true];
  return { sizeBytes, rounds, copies, storages, json, writeDocs };
}
