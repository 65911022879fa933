import { TestWorkflowEnvironment } from '@temporalio/testing';
import { DefaultLogger, Runtime } from '@temporalio/worker';
import { expect, it } from 'vitest';
import { DrayError } from '../../contract/errors.ts';
import { startTemporal } from '../rig/temporal.ts';
import { FakeWorld } from './fake-world.ts';
import { startCopy, startWorkers } from './rig.ts';

it('a copy parked before a worker upgrade is decided after it', async () => {
  Runtime.install({ logger: new DefaultLogger('ERROR') });
  const server = await startTemporal();
  const env = await TestWorkflowEnvironment.createFromExistingServer({ address: server.address });
  const worlds = new Map<string, FakeWorld>();
  try {
    const world = new FakeWorld().before('source.connectVolume', () => {
      throw new DrayError('StorageFull', { path: '/x' });
    });
    const before = await startWorkers(env, worlds);
    const copy = await startCopy({ env, worlds }, world);
    await copy.parked('source.connectVolume');
    await before.stop();

    const after = await startWorkers(env, worlds);
    world.calm('source.connectVolume');
    expect((await copy.status()).parked).toHaveLength(1);
    await copy.decide({ step: 'source.connectVolume', decision: 'retry' });
    expect((await copy.result()).verified.mode).toBe('full');
    expect(world.leftovers).toEqual([]);
    expect(world.violations).toEqual([]);
    await after.stop();
  } finally {
    await env.teardown();
    await server.stop();
  }
});
