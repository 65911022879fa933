import { connect } from 'node:net';

const LOOPBACK = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\]):(\d+)$/;

/**
 * Why nothing listens at an address of this machine; undefined where something does, or where only
 * gRPC can tell (another machine, a proxy). gRPC itself goes on trying until its deadline.
 */
export async function whyRefused(address: string): Promise<string | undefined> {
  const [, host, port] = LOOPBACK.exec(address) ?? [];
  if (host === undefined) return undefined;
  return new Promise((resolve) => {
    const socket = connect(Number(port), host.replace(/[[\]]/g, ''));
    socket.once('error', (error: NodeJS.ErrnoException) =>
      resolve(error.code === 'ECONNREFUSED' ? 'nothing listens there' : undefined),
    );
    socket.once('connect', () => {
      socket.destroy();
      resolve(undefined);
    });
  });
}
