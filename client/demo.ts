import { type Command, Option } from 'commander';
import { readSize } from './arguments.ts';
import { perform } from './command.ts';
import type { Killable, StorageWish } from './demo/options.ts';
import { readDemoOptions } from './demo/options.ts';

type Options = { size: string; storage: StorageWish; kill?: Killable };

/** `dray demo`: a durable copy on this machine from nothing, and the proof that nothing is left. */
export function addDemoCommand(program: Command): void {
  program
    .command('demo')
    .description('watch a durable copy with its own server, storage and worker, and see it proven')
    .option('--size <size>', 'size of the volumes', '256MiB')
    .addOption(
      new Option('--storage <kind>', 'auto: iscsi where its tools are installed, else file')
        .choices(['auto', 'file', 'iscsi'])
        .default('auto'),
    )
    .addOption(
      new Option('--kill <what>', 'SIGKILL it in the middle of a paced copy').choices([
        'worker',
        'copier',
        'target',
        'server',
      ]),
    )
    .action(
      perform<Options>(async ({ config }, { size, storage, kill }) => {
        const sizeBytes = readSize(size);
        const options = await readDemoOptions(sizeBytes, storage, kill);
        const { runDemo } = await import('./demo/run.ts');
        return runDemo({ ...options, temporalBinary: config.temporal.binary });
      }),
    );
}
