import { execa } from 'execa';
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

export type WorkerProcess = { stop: () => Promise<void> };

const START_SECONDS = 60;

/** A worker in a process of its own that dies with this one; returns when it polls. */
export async function startWorker(
  program: string,
  configFile: string,
  log: string,
): Promise<WorkerProcess> {
  const command = [process.execPath, program, '--config', configFile];
  const child = execa('setpriv', ['--pdeathsig', 'KILL', '--', ...command], {
    reject: false,
    buffer: false,
    cleanup: false,
    stdin: 'ignore',
    stdout: 'ignore',
    stderr: { file: log },
  });
  const said = (): Promise<string> => readFile(log, 'utf8').catch(() => '');
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM');
    await child;
  };
  const deadline = performance.now() + START_SECONDS * 1000;
  while (!(await said()).includes('"worker ready"')) {
    if (child.exitCode !== null || performance.now() > deadline) {
      await stop();
      throw new Error(`the worker does not start:\n${await said()}`);
    }
    await sleep(50);
  }
  return { stop };
}
