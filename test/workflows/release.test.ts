import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Attachment } from '../../contract/attachment.ts';
import { attachmentId } from '../../contract/ids.ts';
import type { FindLeaksInput, Sighting } from '../../contract/leaks.ts';
import { broken, busy, expectClean, throws } from './expectations.ts';
import { DESTINATION, FakeWorld } from './fake-world.ts';
import { findLeaks, startRelease, startWorkflowRig, type WorkflowRig } from './rig.ts';

let rig: WorkflowRig & { stop: () => Promise<void> };
beforeAll(async () => {
  rig = await startWorkflowRig();
});
afterAll(() => rig.stop());

const ref = { workflowId: 'copy/a:v1', firstRunId: '0198f0f0-1111-7222-8333-444455556666' };
const attachment: Attachment = {
  id: attachmentId(ref, 'destination', 0),
  ...{ volume: DESTINATION, role: 'destination', accessMode: 'rw' },
  owner: { namespace: 'default', ...ref, hostId: 'h1', destination: DESTINATION },
};
const DISCONNECT = 'destination.disconnectVolume';

/** A host and a backend that hold all that an attachment consists of. */
function heldWorld(): FakeWorld {
  const world = new FakeWorld();
  const { id } = attachment;
  world.acquired.set(id, { exported: true, connection: true, device: true, encryptor: true });
  world.reserved.set('b:v2', { holder: id, id });
  return world;
}

const taken = ({ calls }: FakeWorld): string[] => calls.filter((call) => call !== 'isAtWork');

it('a release that cannot ask for the owner is parked in the middle, and goes on', async () => {
  const world = heldWorld().before('isAtWork', (attempt) => {
    if (attempt > 2) throw broken();
  });
  const release = await startRelease(rig, world, attachment);
  expect(await release.parked(DISCONNECT)).toMatchObject({ code: 'StorageFull' });
  expect(taken(world)).toEqual(['fenceCopier', 'destination.detachEncryptor']);
  world.calm('isAtWork');
  await release.decide({ step: DISCONNECT, decision: 'retry' });
  expect(await release.result()).toEqual([]);
  expectClean(world);
});

it.each(['retry', 'force'] as const)(
  'an owner that came back while a step was parked keeps the rest, whoever decides %s',
  async (decision) => {
    const world = heldWorld().before(DISCONNECT, throws(busy));
    const release = await startRelease(rig, world, attachment);
    await release.parked(DISCONNECT);
    world.calm(DISCONNECT);
    world.owner = 'open';
    await release.decide({ step: DISCONNECT, decision });
    expect(await release.result()).toEqual([]);
    expect(taken(world)).toEqual(['fenceCopier', 'destination.detachEncryptor']);
  },
);

it('an owner that was seen at work once keeps all, even if it has ended a step later', async () => {
  const world = heldWorld().before('isAtWork', (attempt) => {
    world.owner = attempt === 1 ? 'open' : 'ended';
  });
  const release = await startRelease(rig, world, attachment);
  expect(await release.result()).toEqual([]);
  expect(taken(world)).toEqual([]);
});

it('a schedule looks at no other host and only counts what is live', async () => {
  const world = new FakeWorld();
  world.owner = 'open';
  const owner = { ...attachment.owner, hostId: 'h2' };
  const record = { ...attachment, owner };
  const seen = { identity: 'x', look: 'look' };
  const claim: Sighting = { kind: 'claim', ...seen, attachmentId: attachment.id, record };
  const verdict = { state: 'foreign', because: 'of somebody else' } as const;
  world.sightings.set('host/h1', [claim, { kind: 'target', ...seen, verdict }]);
  const input: FindLeaksInput = { places: ['host/h1'], release: 'no' };
  const scheduled = await findLeaks(rig, world, { ...input, scheduled: true });
  expect(scheduled.places.sort()).toEqual(['backend/b', 'host/h1']);
  expect(scheduled.acquisitions.map(({ state }) => state)).toEqual(['foreign']);
  expect(scheduled.counts).toEqual({ live: 1, orphan: 0, foreign: 1, unknown: 0 });
  const asked = await findLeaks(rig, world, input);
  expect(asked.places.sort()).toEqual(['backend/b', 'host/h1', 'host/h2']);
  expect(asked.acquisitions.map(({ state }) => state)).toEqual(['live', 'foreign']);
});
