import type { Client } from '@temporalio/client';
import { execa } from 'execa';
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { isServed } from '../client/temporal/pollers.ts';
import { backendQueue, copyQueue, hostQueue, WORKFLOW_QUEUE } from '../contract/queues.ts';
import type { LoadedConfig } from '../system/config/load.ts';

export type WorkerProcess = { pid: number; stop: () => Promise<void> };

const START_SECONDS = 60;

/** A worker in a process of its own that dies with this one; returns when it says it is ready. */
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
  return { pid: child.pid!, stop };
}

/** Until the server knows of somebody behind each queue, which is a moment after it was told. */
export async function untilServed(client: Client, config: LoadedConfig): Promise<void> {
  const { host, backends } = config;
  const steps = [hostQueue(host), copyQueue(host), ...Object.keys(backends).map(backendQueue)];
  const deadline = performance.now() + START_SECONDS * 1000;
  for (;;) {
    const served = await Promise.all([
      isServed(client, WORKFLOW_QUEUE, 'workflow'),
      ...steps.map((queue) => isServed(client, queue, 'activity')),
    ]);
    if (!served.includes(false)) return;
    if (performance.now() > deadline) throw new Error('the worker serves not all of its queues');
    await sleep(50);
  }
}
