import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { attachmentOf, BACKEND, properties } from '../workbench.ts';
import { fakeBench, volumeRef } from './fake-bench.ts';

const it_ = fakeBench();
const INSTANCE = '7b2f5a0e-0d3c-4c64-9f6a-2f8f7d0b1e11';

describe('an attachment that is made anew, where Cinder itself would make it', () => {
  it('is refused when somebody has deleted the first to migrate the volume', async () => {
    const { backend, cinder, volume, attachment } = it_;
    attachment.exported = await backend.createExport(attachment, properties);
    cinder.detach(attachment.exported.reservation);
    cinder.volumes.get(volume)!['migration_status'] = 'migrating';
    const migrating = { code: 'VolumeMigrating', class: 'user' };
    await expect(backend.createExport(attachment, properties)).rejects.toMatchObject(migrating);
    expect(cinder.of(volume)).toEqual([]);
    expect(await backend.getVolume(volumeRef(volume))).toMatchObject({
      reservedBy: attachment.id,
      refusal: migrating,
    });
    expect(await backend.removeExport(attachment)).toBe('done');
  });

  it.each([
    ['VolumeReadOnly', { metadata: { readonly: 'True' } }, []],
    ['VolumeMultiattach', { multiattach: true }, []],
    ['VolumeInUse', { multiattach: true }, [INSTANCE]],
  ])('is refused as %s after a pause that had released the volume', async (code, facts, users) => {
    const { backend, cinder, volume, attachment } = it_;
    await backend.createExport(attachment, properties);
    await backend.removeExport(attachment, true);
    Object.assign(cinder.volumes.get(volume)!, facts);
    for (const instance of users) cinder.reserve(volume, { status: 'attached', instance });
    const second = attachmentOf(volume, 'two');
    await expect(backend.createExport(second, properties, attachment.id)).rejects.toMatchObject({
      code,
    });
    expect(cinder.of(volume).map(({ instance }) => instance)).toEqual(users);
    expect(await backend.removeExport(second)).toBe('done');
    expect(await backend.listReservations()).toEqual([]);
  });
});

it('a worker that was replaced while it asked writes nothing down', async () => {
  const { backend, bench, proxy, volume, attachment } = it_;
  const { epoch, stateRoot } = bench.context;
  const file = join(stateRoot, 'cinder', BACKEND, `${volume}.json`);
  const replace = (): Promise<void> => writeFile(epoch.file, String(epoch.number + 1));
  proxy.next('POST', /\/attachments$/, { first: replace });
  const superseded = { code: 'WorkerSuperseded' };
  await expect(backend.createExport(attachment, properties)).rejects.toMatchObject(superseded);
  expect(JSON.parse(await readFile(file, 'utf8'))).not.toHaveProperty('foreignId');
});
