import type { Command } from 'commander';
import { execa } from 'execa';
import { DrayError, type ErrorCode, type ErrorParams } from '../contract/errors.ts';
import type { Replayed } from '../contract/replay.ts';
import { perform } from './command.ts';
import { EXIT } from './exit-codes.ts';
import { nodeProgram } from './node-program.ts';

type Answer = Replayed | { error: { code: ErrorCode; params: ErrorParams<ErrorCode> } };

function render({ goOn, broken }: Replayed): string {
  const lines = broken.map(({ workflowId, because }) => `${workflowId}\n  ${because}`);
  const kept = `open runs that go on under this release: ${goOn}`;
  if (broken.length === 0) return kept;
  const what = `open runs that would stand still under it: ${broken.length}`;
  return [...lines, kept, what, 'let them end before it is put in place'].join('\n');
}

/** `dray replay`: the gate of an upgrade. */
export function addReplayCommand(program: Command): void {
  program
    .command('replay')
    .description('replay all open runs with this release, before its workers take over from others')
    .action(
      perform(async ({ config }) => {
        const argv = nodeProgram('../worker/replay', import.meta.url);
        const { stdout } = await execa(process.execPath, argv, {
          stderr: 'inherit',
          env: config.file === undefined ? {} : { DRAY_CONFIG: config.file },
        });
        const answer = JSON.parse(stdout) as Answer;
        if ('error' in answer) throw new DrayError(answer.error.code, answer.error.params);
        const exitCode = answer.broken.length > 0 ? EXIT.failed : EXIT.done;
        return { json: answer, text: render(answer), exitCode };
      }),
    );
}
