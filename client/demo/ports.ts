import { randomInt } from 'node:crypto';
import { existsSync } from 'node:fs';
import { createServer } from 'node:net';

/**
 * Below the ports the kernel gives to outgoing connections (32768 and up): a server that was
 * killed must find its port still free when it starts again.
 */
const [LOWEST, BEYOND] = [10_000, 32_000];

async function isFree(port: number): Promise<boolean> {
  const probe = createServer();
  const free = await new Promise<boolean>((resolve) => {
    probe.once('error', () => resolve(false)).listen(port, '127.0.0.1', () => resolve(true));
  });
  if (free) await new Promise((resolve) => probe.close(resolve));
  return free;
}

/** A TCP port of 127.0.0.1 that is free now, none of `taken`. */
export async function freePort(taken: readonly number[]): Promise<number> {
  for (;;) {
    const port = randomInt(LOWEST, BEYOND);
    if (!taken.includes(port) && (await isFree(port))) return port;
  }
}

/** Where a tgtd listens for tgtadm. */
export const controlSocket = (controlPort: number): string => `/var/run/tgtd/socket.${controlPort}`;

/** A number for a tgtd that no other one uses; its tools take up to 32767. */
export function freeControlPort(): number {
  for (;;) {
    const port = randomInt(1024, 32_768);
    if (!existsSync(controlSocket(port))) return port;
  }
}
