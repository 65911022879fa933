import type { Command } from 'commander';
import { DrayError } from '../contract/errors.ts';
import type { Against, VerifyInput } from '../contract/verify.ts';
import { formatVolume, parseVolume } from '../contract/volume.ts';
import type { Config } from '../system/config/schema.ts';
import { readVolume } from './arguments.ts';
import { note, perform } from './command.ts';
import { readCertificate } from './read-certificate.ts';

type Options = { host?: string; detach?: true };

/** What is no volume's name is the name of a file. */
async function readAgainst(config: Config, text: string): Promise<Against> {
  const source = parseVolume(text);
  return source === undefined ? { certificate: await readCertificate(config, text) } : { source };
}

/**
 * @throws BadVolumeName, SameVolume, CertificateUnusable, CertificateInvalid before anything is
 * touched
 */
async function readInput(
  config: Config,
  options: Options,
  from: string,
  to: string,
): Promise<VerifyInput> {
  const destination = readVolume(to);
  const against = await readAgainst(config, from);
  const volume = formatVolume(destination);
  if ('source' in against && formatVolume(against.source) === volume) {
    throw new DrayError('SameVolume', { volume });
  }
  return { ...against, destination, host: options.host ?? config.host, limits: config.limits };
}

/** `dray verify`: compares volumes at any time, without writing to either. */
export function addVerifyCommand(program: Command): void {
  program
    .command('verify')
    .argument('<source>', "backend:id, or a file with a copy's certificate (`dray report --json`)")
    .argument('<destination>', 'backend:id of a volume that is at least as large')
    .description('compare two volumes, or one with a certificate; ends with 7 where they differ')
    .option('--host <id>', 'the host that attaches both and reads (default: this host)')
    .option('--detach', 'do not wait for the end')
    .action(
      perform<Options>(async ({ config }, options, from = '', to = '') => {
        const input = await readInput(config, options, from, to);
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
