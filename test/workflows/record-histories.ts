import { TestWorkflowEnvironment } from '@temporalio/testing';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { DefaultLogger, Runtime } from '@temporalio/worker';
import { realpathSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DrayError } from '../../contract/errors.ts';
import packageJson from '../../package.json' with { type: 'json' };
import { startTemporal } from '../rig/temporal.ts';
import { saveFleet } from './fleet/save-fleet.ts';
import { FakeWorld, untilCancelled } from './fake-world.ts';
import { type CopyUnderTest, startCopy, startWorkers } from './rig.ts';

/**
 * Records the histories of a release, once: one copy that finished, one that is parked, one that
 * was cancelled, and one fleet. They are replayed by the tests of every later version and never
 * edited.
 */

Runtime.install({ logger: new DefaultLogger('ERROR') });
const directory = join(import.meta.dirname, '../histories', packageJson.version);
await mkdir(directory);
const server = await startTemporal();
const env = await TestWorkflowEnvironment.createFromExistingServer({ address: server.address });
const worlds = new Map<string, FakeWorld>();
const workers = await startWorkers(env, worlds);

/** Stack traces name files; where this checkout and its packages stand is nobody's business. */
function withoutPlaces(history: string): string {
  const root = join(import.meta.dirname, '../../');
  const packages = realpathSync(join(root, 'node_modules'));
  return history.replaceAll(packages, 'node_modules').replaceAll(root, '');
}

async function save(name: string, { handle }: Pick<CopyUnderTest, 'handle'>): Promise<void> {
  const history = withoutPlaces(historyToJSON(await handle.fetchHistory()));
  await writeFile(join(directory, `${name}.json`), `${history}\n`);
}

const encrypted = (): FakeWorld => Object.assign(new FakeWorld(), { encrypted: true });

const finished = await startCopy({ env, worlds }, encrypted());
await finished.result();
await save('finished', finished);

const full = (): never => {
  throw new DrayError('StorageFull', { path: '/x' });
};
const parked = await startCopy({ env, worlds }, encrypted().before('source.connectVolume', full));
await parked.parked('source.connectVolume');
await save('parked', parked);

const cancelled = await startCopy({ env, worlds }, encrypted().before('copyData', untilCancelled));
while ((await cancelled.status()).phase !== 'copying') await env.sleep('100ms');
await cancelled.handle.cancel();
await cancelled.result().catch(() => undefined);
await save('cancelled', cancelled);

await workers.stop();
await env.teardown();
await server.stop();

await saveFleet(save);
