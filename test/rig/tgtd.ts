import { spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { endProcess, identifyProcess, isAlive, type ProcessId } from '../../system/processes.ts';
import { runTool, runToolOrThrow } from '../../system/run.ts';

/** A tgtd of the test's own: it dies with the test process and is ended by its pid. */
export type Tgtd = {
  /** `127.0.0.1:port`, the same after a restart. */
  portal: string;
  controlPort: number;
  /** Of the process that runs now. */
  readonly pid: number;
  /** SIGKILL, then waits for its end. */
  kill(): Promise<void>;
  /** Kills it and starts an empty one on the same ports. */
  restart(): Promise<void>;
  stop(): Promise<void>;
};

/** A port that was free on the loopback interface just now. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** tgtd takes 0 to 32767. */
export const randomControlPort = (): number => randomInt(1024, 32_768);

/** Output of `tgtadm -C <port> --lld iscsi <args>`. @throws ToolFailed */
export async function tgtadm(controlPort: number, ...args: string[]): Promise<string> {
  const argv = ['-C', String(controlPort), '--lld', 'iscsi', ...args];
  return (await runToolOrThrow('tgtadm', argv)).stdout;
}

/** Removes what a killed tgtd leaves in /var/run/tgtd. */
export async function removeControlSocket(controlPort: number): Promise<void> {
  await rm(`/var/run/tgtd/socket.${controlPort}`, { force: true });
  await rm(`/var/run/tgtd/socket.${controlPort}.lock`, { force: true });
}

/** Whether the tgtd of this control port serves that portal, which no other one can. */
async function serves(controlPort: number, portal: string): Promise<boolean> {
  const argv = ['-C', String(controlPort), '--lld', 'iscsi', '--mode', 'portal', '--op', 'show'];
  const shown = await runTool('tgtadm', argv, { timeoutSeconds: 5 }).catch(() => undefined);
  return shown?.stdout.includes(`${portal},`) ?? false;
}

/** Undefined when a port was taken by somebody else meanwhile. */
async function launch(portal: string, controlPort: number): Promise<ProcessId | undefined> {
  const tgtd = ['tgtd', '-f', '-C', String(controlPort), '--iscsi', `portal=${portal}`];
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', ...tgtd], { stdio: 'ignore' });
  await once(child, 'spawn');
  const id = identifyProcess(child.pid!);
  if (id === undefined) return undefined;
  const deadline = performance.now() + 20_000;
  while (isAlive(id) && performance.now() < deadline) {
    if (await serves(controlPort, portal)) return id;
    await sleep(50);
  }
  await endProcess(id, 'SIGKILL', 10);
  return undefined;
}

/** @param options a fixed portal or control port; default: free ones */
export async function startTgtd(
  options: { portal?: string; controlPort?: number } = {},
): Promise<Tgtd> {
  for (let attempt = 0; attempt < 5; attempt += 1) {
    const portal = options.portal ?? `127.0.0.1:${await freePort()}`;
    const controlPort = options.controlPort ?? randomControlPort();
    const first = await launch(portal, controlPort);
    if (first === undefined) continue;
    let process = first;
    const kill = async (): Promise<void> => {
      if (!(await endProcess(process, 'SIGKILL', 10))) throw new Error('tgtd does not end');
    };
    return {
      portal,
      controlPort,
      get pid() {
        return process.pid;
      },
      kill,
      async restart() {
        await kill();
        const next = await launch(portal, controlPort);
        if (next === undefined) throw new Error(`tgtd does not start again at ${portal}`);
        process = next;
      },
      async stop() {
        await kill();
        await removeControlSocket(controlPort);
      },
    };
  }
  throw new Error('tgtd does not start');
}
