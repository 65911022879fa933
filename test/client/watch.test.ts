import { TestWorkflowEnvironment } from '@temporalio/testing';
import { DefaultLogger, Runtime } from '@temporalio/worker';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { DrayError } from '../../contract/errors.ts';
import { dray } from '../rig/dray.ts';
import { startTemporal } from '../rig/temporal.ts';
import { FakeWorld } from '../workflows/fake-world.ts';
import { startCopy, startWorkers } from '../workflows/rig.ts';

it('dray watch ends with 3 at a parked step, with a worker and without', async () => {
  Runtime.install({ logger: new DefaultLogger('ERROR') });
  const directory = await mkdtemp(join(tmpdir(), 'dray-watch-'));
  const server = await startTemporal();
  const env = await TestWorkflowEnvironment.createFromExistingServer({ address: server.address });
  const worlds = new Map<string, FakeWorld>();
  try {
    const config = join(directory, 'config.yaml');
    await writeFile(config, `temporal: { address: '${server.address}' }\n`);
    const world = new FakeWorld().before('source.connectVolume', () => {
      throw new DrayError('StorageFull', { path: '/x' });
    });
    const workers = await startWorkers(env, worlds);
    const copy = await startCopy({ env, worlds }, world);
    await copy.parked('source.connectVolume');
    const watch = () => dray(['watch', copy.handle.workflowId, '--json'], { DRAY_CONFIG: config });

    const seen = await watch();
    expect(seen.status).toBe(3);
    const document = JSON.parse(seen.stdout) as object;
    expect(document).toMatchObject({ status: 'waitsForDecision' });
    expect(document).toHaveProperty('parked.0.step', 'source.connectVolume');

    await workers.stop();
    const silent = await watch();
    expect(silent.status).toBe(3);
    expect(JSON.parse(silent.stdout)).toMatchObject({ status: 'waitsForDecision', parked: [] });
  } finally {
    await env.teardown();
    await server.stop();
    await rm(directory, { recursive: true });
  }
});
