import { type Command, Option } from 'commander';
import { parseBlockSize } from '../contract/block-size.ts';
import {
  type CopyInput,
  type CopyOptions,
  ENGINES,
  ON_READ_ERROR,
  type OnReadError,
  VERIFY_MODES,
  type VerifyMode,
} from '../contract/copy.ts';
import { DrayError } from '../contract/errors.ts';
import { engineAsked } from '../contract/engine-asked.ts';
import { formatVolume } from '../contract/volume.ts';
import type { Config } from '../system/config/schema.ts';
import { readIonice, readRate, readStandby, readVolume } from './arguments.ts';
import { note, perform } from './command.ts';

type Options = {
  host?: string;
  standby?: string;
  engine?: CopyOptions['engine'];
  blockSize?: string;
  limit?: string;
  ionice?: string;
  verify?: VerifyMode;
  onReadError?: OnReadError;
  detach?: true;
};

function readOptions(options: Options): CopyOptions {
  const { engine, blockSize, limit, ionice, verify, onReadError } = options;
  if (blockSize !== undefined) parseBlockSize(blockSize);
  const read: CopyOptions = {
    ...(engine === undefined ? {} : { engine }),
    ...(blockSize === undefined ? {} : { blockSize }),
    ...(limit === undefined ? {} : { bytesPerSecond: readRate('--limit', limit) }),
    ...(ionice === undefined ? {} : { ionice: readIonice(ionice) }),
    ...(verify === undefined ? {} : { verify }),
    ...(onReadError === undefined ? {} : { onReadError }),
  };
  engineAsked(read);
  return read;
}

/** @throws BadVolumeName, SameVolume, BadBlockSize, BadOption before anything is touched */
function readInput(config: Config, options: Options, from: string, to: string): CopyInput {
  const [source, destination] = [readVolume(from), readVolume(to)];
  if (formatVolume(source) === formatVolume(destination)) {
    throw new DrayError('SameVolume', { volume: formatVolume(source) });
  }
  const { host = config.host, standby } = options;
  const input = { source, destination, host, options: readOptions(options), limits: config.limits };
  return standby === undefined ? input : { ...input, standby: readStandby(host, standby) };
}

/** `dray copy`: starts the workflow and, unless told otherwise, watches it to its end. */
export function addCopyCommand(program: Command): void {
  program
    .command('copy')
    .argument('<source>', 'backend:id')
    .argument('<destination>', 'backend:id')
    .description('copy a volume onto another one that exists and is at least as large')
    .option('--host <id>', 'the host that attaches both and copies (default: this host)')
    .option(
      '--standby <id,…>',
      'hosts to go on with by itself, in this order, when a host is lost (default: a person decides)',
    )
    .addOption(
      new Option('--engine <name>', 'what copies (default: auto)').choices(['auto', ...ENGINES]),
    )
    .option('--block-size <size>', "bytes of one request, in dd's notation (default: 1M)")
    .option('--limit <rate>', 'bandwidth limit, for example 100MiB/s')
    .option('--ionice <class[:level]>', 'realtime, best-effort or idle, as ionice(1)')
    .addOption(
      new Option(
        '--verify <mode>',
        'compare afterwards what was written, or the source as well (default: full)',
      ).choices([...VERIFY_MODES]),
    )
    .addOption(
      new Option(
        '--on-read-error <what>',
        'where the source cannot be read: fail, retry in smaller pieces, or write zeros there and list it (default: fail)',
      ).choices([...ON_READ_ERROR]),
    )
    .option('--detach', 'do not wait for the end')
    .action(
      perform<Options>(async ({ config }, options, from = '', to = '') => {
        const input = readInput(config, options, from, to);
        const { withClient } = await import('./temporal/with-client.ts');
        const { startCopy } = await import('./temporal/start-copy.ts');
        const { follow } = await import('./follow/follow.ts');
        return withClient(config, async (client) => {
          const { workflowId, runId } = await startCopy(client, config, input);
          if (options.detach === true) {
            const text = `${workflowId}\nwatch it with: dray watch ${workflowId}`;
            return { json: { workflowId, runId, status: 'started' }, text };
          }
          note(`${workflowId} on ${input.host}; Ctrl-C leaves it running`);
          return follow(client, { workflowId, runId });
        });
      }),
    );
}
