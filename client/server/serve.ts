import { createServer } from 'node:net';
import { DrayError } from '../../contract/errors.ts';
import { createKey, listKeys } from '../../system/config/keys.ts';
import { startDevServer } from './dev-server.ts';
import { locateTemporal } from './locate-temporal.ts';

export type ServeOptions = {
  /** Path of the temporal program; without it the usual places are tried. */
  binary: string | undefined;
  port: number;
  uiPort: number;
  namespace: string;
  dbFile: string;
  /** Directory of the sealing keys; gets one if it has none. */
  keys: string;
  onReady: (server: { address: string; uiUrl: string; pid: number }) => void;
};

/** @throws PortInUse */
async function assertFree(port: number, setting: string): Promise<void> {
  const probe = createServer();
  try {
    await new Promise<void>((resolve, reject) => {
      probe.once('error', reject).listen(port, '127.0.0.1', resolve);
    });
  } catch (error) {
    const because = (error as NodeJS.ErrnoException).code ?? (error as Error).message;
    throw new DrayError('PortInUse', { port, setting, because }, { cause: error });
  }
  await new Promise((resolve) => probe.close(resolve));
}

/**
 * Runs the dev server until SIGTERM, SIGINT or its own end.
 * @throws PortInUse before anything is started, TemporalBinaryMissing, ToolFailed
 */
export async function serve(options: ServeOptions): Promise<void> {
  const { port, uiPort, namespace, dbFile, keys } = options;
  await assertFree(port, 'temporal.port');
  await assertFree(uiPort, 'temporal.uiPort');
  const stopped = new Promise<'stopped'>((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, () => resolve('stopped'));
  });
  const binary = await locateTemporal(options.binary);
  // Only here: a server on this machine is for trying out, elsewhere keys are a person's business.
  if ((await listKeys(keys)).length === 0) await createKey(keys);
  const server = await startDevServer({ binary, port, uiPort, namespace, dbFile });
  options.onReady({
    address: server.address,
    uiUrl: `http://127.0.0.1:${uiPort}`,
    pid: server.pid,
  });
  const end = await Promise.race([stopped, server.ended.then(() => 'ended' as const)]);
  if (end === 'stopped') return server.stop();
  const words = 'it ended by itself; its log is beside the database';
  throw new DrayError('ToolFailed', { tool: 'temporal', status: 'an early end', stderr: words });
}
