import { execa } from 'execa';
import { type Cost, costOf } from './cost.ts';

/** Exit status of timeout(1) when it had to end the program. */
const TIMED_OUT = 124;

/** Why there is no figure. */
export class NoFigure extends Error {}

/** Ends the tool that runs, with its children: a device that it holds cannot be detached. */
export let endTool = (): Promise<void> => Promise.resolve();

/** Ends with this process, or when the time is over, children included. @throws NoFigure */
export async function runLimited(argv: readonly string[], seconds: number): Promise<string> {
  const limited = ['--pdeathsig', 'TERM', 'timeout', '--kill-after=10', String(seconds), ...argv];
  const running = execa('setpriv', limited, {
    reject: false,
    stdin: 'ignore',
    env: { LC_ALL: 'C' },
  });
  endTool = async () => {
    running.kill('SIGTERM');
    await running;
  };
  const { exitCode, stdout, stderr } = await running;
  if (exitCode === TIMED_OUT) throw new NoFigure(`over ${seconds} s`);
  if (exitCode === 0) return stdout;
  throw new NoFigure(`failed: ${stderr.trim().split('\n').at(-1) ?? ''}`);
}

export async function timeCommands(commands: readonly string[][], seconds: number): Promise<Cost> {
  return costOf(async () => {
    for (const command of commands) await runLimited(command, seconds);
  });
}
