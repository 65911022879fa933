import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type Claim, listClaims, readClaim, removeClaim, writeClaim } from '../../system/claims.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'dray-claims-'));
});
afterEach(() => rm(directory, { recursive: true }));

let damaged: string[] = [];
const onDamaged = (file: string): void => void damaged.push(file);
beforeEach(() => (damaged = []));

const CLAIM: Claim = {
  attachment: {
    id: 'copy.a.v1.run.source.0',
    volume: { backend: 'a', id: 'v1' },
    role: 'source',
    accessMode: 'ro',
    owner: {
      namespace: 'default',
      workflowId: 'copy/a:v1',
      firstRunId: 'run',
      hostId: 'h1',
      destination: { backend: 'b', id: 'v2' },
    },
    exported: { name: 'x', serial: 'S', sizeBytes: 512, readsAsZeros: false, reservation: 'r' },
  },
  info: {
    driverVolumeType: 'local',
    data: { device_path: '/x', secret: { sealed: 'A', keyId: 'k' } },
  },
};

it('reads back what was written down, whole, until it is removed', async () => {
  await writeClaim(directory, CLAIM);
  expect(await readClaim(directory, CLAIM.attachment.id)).toEqual(CLAIM);
  const withDevice: Claim = {
    ...CLAIM,
    device: { path: '/dev/x', sizeBytes: 512, accessMode: 'ro' },
  };
  await writeClaim(directory, withDevice);
  expect(await listClaims(directory, onDamaged)).toEqual([withDevice]);
  await removeClaim(directory, CLAIM.attachment.id);
  await removeClaim(directory, CLAIM.attachment.id);
  expect(await listClaims(directory, onDamaged)).toEqual([]);
  expect(await readClaim(directory, CLAIM.attachment.id)).toBeUndefined();
});

it('does not take a damaged claim for none', async () => {
  await writeFile(join(directory, 'x.json'), '{"attachment": {}}');
  await expect(readClaim(directory, 'x')).rejects.toMatchObject({ code: 'StateDamaged' });
  await writeClaim(directory, CLAIM);
  expect(await listClaims(directory, onDamaged)).toEqual([CLAIM]);
  expect(damaged).toEqual(['x.json']);
});
