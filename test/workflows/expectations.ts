import { WorkflowFailedError } from '@temporalio/client';
import { expect } from 'vitest';
import { DrayError } from '../../contract/errors.ts';
import { FakeWorld } from './fake-world.ts';

export const ATTACH = [
  'createExport',
  'initializeConnection',
  'connectVolume',
  'completeConnection',
  'proveDevice',
  'attachEncryptor',
];
export const PREPARE = ['describeVolume.a:v1', 'describeVolume.b:v2', 'getConnectorProperties'];
export const FORWARD = [
  ...PREPARE,
  ...ATTACH.map((verb) => `destination.${verb}`),
  ...ATTACH.map((verb) => `source.${verb}`),
  'planCopy',
  'copyData',
  'verifyCopy',
];
export const DETACH = [
  'detachEncryptor',
  'disconnectVolume',
  'terminateConnection',
  'removeExport',
];
export const UNDO = [
  'fenceCopier',
  ...DETACH.map((verb) => `destination.${verb}`),
  'setVolumeState.b:v2',
  ...DETACH.map((verb) => `source.${verb}`),
  'setVolumeState.a:v1',
];

/** After everything is taken back, of a copy that succeeded. */
export const CERTIFY = 'certify';

export const busy = (): DrayError =>
  new DrayError('VolumeBusy', { volume: 'b:v2', holder: 'copy/x' });
export const flaky = (): DrayError =>
  new DrayError('ToolFailed', { tool: 't', status: '1', stderr: '' });
export const broken = (): DrayError => new DrayError('StorageFull', { path: '/x' });
export const throws = (error: () => DrayError) => () => {
  throw error();
};

/** The code a copy fails with. */
export async function failureCode(result: Promise<unknown>): Promise<string> {
  const error = await result.then(
    () => undefined,
    (e: unknown) => e,
  );
  expect(error).toBeInstanceOf(WorkflowFailedError);
  const cause = (error as WorkflowFailedError).cause as { type?: string; name: string };
  return cause.type ?? cause.name;
}

export function encryptedWorld(): FakeWorld {
  const world = new FakeWorld();
  world.encrypted = true;
  return world;
}

export function expectClean(world: FakeWorld): void {
  expect(world.violations).toEqual([]);
  expect(world.leftovers).toEqual([]);
}
