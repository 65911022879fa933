import { execa } from 'execa';
import { existsSync } from 'node:fs';
import { controlSocket } from '../ports.ts';

const TIMEOUT_MILLISECONDS = 10_000;

async function tgtadm(controlPort: number, mode: string): Promise<string> {
  const args = ['-C', String(controlPort), '--lld', 'iscsi', '--mode', mode, '--op', 'show'];
  const { stdout } = await execa('tgtadm', args, { timeout: TIMEOUT_MILLISECONDS });
  return stdout;
}

/**
 * Targets, their sessions and the accounts of the tgtd, in its own words. One that does not answer
 * may have any of them, and counts as left.
 */
export async function findTargets(controlPort: number): Promise<string[]> {
  try {
    return await askTargets(controlPort);
  } catch (error) {
    return [`tgtd of control port ${controlPort} cannot be asked: ${(error as Error).message}`];
  }
}

async function askTargets(controlPort: number): Promise<string[]> {
  const found: string[] = [];
  let target = '';
  for (const line of (await tgtadm(controlPort, 'target')).split('\n')) {
    const name = /^Target \d+: (\S+)/.exec(line)?.[1];
    const initiator = /^ {12}Initiator: (\S+)/.exec(line)?.[1];
    if (name !== undefined) found.push(`target ${(target = name)}`);
    if (initiator !== undefined) found.push(`session of ${initiator} at ${target}`);
  }
  const accounts = (await tgtadm(controlPort, 'account')).split('\n').slice(1);
  return [...found, ...accounts.filter(Boolean).map((line) => `account ${line.trim()}`)];
}

/** What a tgtd that has ended leaves in /var/run/tgtd. */
export function findControlSockets(controlPort: number): string[] {
  const socket = controlSocket(controlPort);
  return [socket, `${socket}.lock`].filter((path) => existsSync(path));
}
