import { type Command, Option } from 'commander';
import { execa } from 'execa';
import { constants } from 'node:os';
import { WORKER_ROLES } from '../contract/queues.ts';
import { EXIT } from './exit-codes.ts';
import { perform } from './command.ts';
import { nodeProgram } from './node-program.ts';

const SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const;

/** `dray worker`: the worker process of this host, in the foreground. */
export function addWorkerCommand(program: Command): void {
  program
    .command('worker')
    .description('run the worker of this host until SIGTERM')
    .addOption(
      new Option(
        '--role <role>',
        'control: workflows and the backends of this host; mover: attaching and copying here (default: both)',
      ).choices(WORKER_ROLES),
    )
    .action(
      perform<{ role?: string }>(async ({ config }, { role }) => {
        // Its own session: a Ctrl-C reaches it once, passed on from here. Should this process be
        // killed, the worker gets SIGTERM and ends in order.
        const worker = execa(
          'setpriv',
          [
            ...['--pdeathsig', 'TERM', process.execPath],
            ...nodeProgram('../worker', import.meta.url),
            ...(role === undefined ? [] : ['--role', role]),
          ],
          {
            reject: false,
            detached: true,
            cleanup: false,
            stdio: 'inherit',
            env: config.file === undefined ? {} : { DRAY_CONFIG: config.file },
          },
        );
        for (const signal of SIGNALS) process.on(signal, () => worker.kill(signal));
        const { exitCode, signal } = await worker;
        const bySignal = signal === undefined ? EXIT.failed : 128 + constants.signals[signal];
        process.exitCode = exitCode ?? bySignal;
        return undefined;
      }),
    );
}
