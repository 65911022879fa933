import type { Command } from 'commander';
import { DrayError } from '../contract/errors.ts';
import type { VerifyInput } from '../contract/verify.ts';
import { formatVolume } from '../contract/volume.ts';
import type { Config } from '../system/config/schema.ts';
import { readVolume } from './arguments.ts';
import { note, perform } from './command.ts';

type Options = { host?: string; detach?: true };

/** @throws BadVolumeName, SameVolume before anything is touched */
function readInput(config: Config, options: Options, from: string, to: string): VerifyInput {
  const [source, destination] = [readVolume(from), readVolume(to)];
  if (formatVolume(source) === formatVolume(destination)) {
    throw new DrayError('SameVolume', { volume: formatVolume(source) });
  }
  return { source, destination, host: options.host ?? config.host, limits: config.limits };
}

/** `dray verify`: compares volumes at any time, without writing to either. */
export function addVerifyCommand(program: Command): void {
  program
    .command('verify')
    .argument('<source>', 'backend:id')
    .argument('<destination>', 'backend:id of a volume that is at least as large')
    .description('compare two volumes, both attached read-only; ends with 7 where they differ')
    .option('--host <id>', 'the host that attaches both and reads (default: this host)')
    .option('--detach', 'do not wait for the end')
    .action(
      perform<Options>(async ({ config }, options, from = '', to = '') => {
        const input = readInput(config, options, from, to);
        const { withClient } = await import('./temporal/with-client.ts');
        const { startVerify } = await import('./temporal/start-verify.ts');
        const { follow } = await import('./follow/follow.ts');
        return withClient(config, async (client) => {
          const ref = await startVerify(client, config, input);
          if (options.detach === true) {
            const text = `${ref.workflowId}\nwatch it with: dray watch ${ref.workflowId}`;
            return { json: { ...ref, status: 'started' }, text };
          }
          note(`${ref.workflowId} on ${input.host}; Ctrl-C leaves it running`);
          return follow(client, ref);
        });
      }),
    );
}
