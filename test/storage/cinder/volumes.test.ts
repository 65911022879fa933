import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { attachmentOf, BACKEND, properties } from '../workbench.ts';
import { fakeBench, volumeRef } from './fake-bench.ts';

const GIB = 2 ** 30;
const it_ = fakeBench();

describe('volumes of backend cinder', () => {
  it('are made by name, have an id of their own, and are listed over all pages', async () => {
    const { backend, cinder } = it_;
    const made = await backend.createVolume('disk1', 3 * GIB);
    expect(made).toMatchObject({ sizeBytes: 3 * GIB, state: 'available', neverWritten: false });
    expect(cinder.volumes.get(made.id)).toMatchObject({ name: 'disk1', size: 3 });
    for (let i = 0; i < 3; i += 1) cinder.makeVolume();
    expect((await backend.listVolumes()).map(({ id }) => id)).toEqual([...cinder.volumes.keys()]);
    await expect(backend.createVolume('disk1', GIB)).rejects.toMatchObject({
      code: 'VolumeExists',
    });
  });

  it('have a name of letters and a size in whole GiB', async () => {
    for (const size of [0, -GIB, 512, GIB + 512, Number.NaN, Infinity, 2 ** 62]) {
      const made = it_.backend.createVolume('bad', size);
      await expect(made, `${size}`).rejects.toMatchObject({ code: 'BadSize' });
    }
    await expect(it_.backend.createVolume('../x', GIB)).rejects.toMatchObject({
      code: 'BadVolumeName',
    });
    expect(it_.cinder.volumes.size).toBe(1);
  });

  it('of which one cannot be made is not left behind', async () => {
    it_.cinder.makes = 'error';
    const made = it_.backend.createVolume('huge', GIB);
    await expect(made).rejects.toMatchObject({ code: 'VolumeNotMade', class: 'operator' });
    expect([...it_.cinder.volumes.keys()]).toEqual([it_.volume]);
  });

  it('are deleted, also when that was asked for before', async () => {
    const { backend, cinder, proxy, volume } = it_;
    cinder.slowness = 2;
    proxy.next('DELETE', /\/volumes\//, 'answer lost');
    const ref = volumeRef(volume);
    await expect(backend.deleteVolume(ref)).rejects.toMatchObject({ code: 'BackendUnavailable' });
    expect(cinder.volumes.get(volume)).toMatchObject({ status: 'deleting' });
    expect(await backend.deleteVolume(ref)).toBe('done');
    expect(cinder.volumes.has(volume)).toBe(false);
    expect(await backend.deleteVolume(ref)).toBe('alreadyGone');
  });

  it('that Cinder will not delete stay, with its reason', async () => {
    it_.cinder.reserve(it_.volume);
    const refused = it_.backend.deleteVolume(volumeRef(it_.volume));
    await expect(refused).rejects.toMatchObject({ code: 'BackendRefused', class: 'operator' });
    await expect(refused).rejects.toThrow('must be available');
  });

  it('are listed beside one whose record cannot be read', async () => {
    const { backend, bench, cinder, volume } = it_;
    const other = cinder.makeVolume();
    await writeFile(join(bench.context.stateRoot, 'cinder', BACKEND, `${volume}.json`), '{');
    expect((await backend.listVolumes()).map(({ id, state }) => [id, state])).toEqual([
      [volume, 'damaged'],
      [other, 'available'],
    ]);
    await expect(backend.createExport(it_.attachment, properties)).rejects.toMatchObject({
      code: 'StateDamaged',
    });
  });
});

describe('what cannot be attached is told before it is touched', () => {
  it.each([
    ['VolumeInError', { status: 'error' }],
    ['VolumeInMaintenance', { status: 'maintenance' }],
    ['VolumeMigrating', { migration_status: 'migrating' }],
    ['VolumeNotReady', { status: 'uploading' }],
    ['VolumeInUse', { status: 'in-use' }],
    ['VolumeMultiattach', { multiattach: true }],
    ['EncryptionUnsupported', { encrypted: true }],
  ])('%s', async (code, facts) => {
    const { backend, cinder } = it_;
    const id = cinder.makeVolume(facts);
    expect((await backend.getVolume(volumeRef(id))).refusal).toMatchObject({ code, class: 'user' });
    const refused = backend.createExport(attachmentOf(id, 'one'), properties);
    await expect(refused).rejects.toMatchObject({ code });
    expect(cinder.of(id)).toEqual([]);
    expect(await backend.listReservations()).toEqual([]);
  });

  it('VolumeReadOnly, for a destination alone', async () => {
    const { backend, cinder } = it_;
    const id = cinder.makeVolume({ metadata: { readonly: 'True' } });
    await expect(backend.createExport(attachmentOf(id, 'one'), properties)).rejects.toMatchObject({
      code: 'VolumeReadOnly',
    });
    await backend.createExport(attachmentOf(id, 'one', 'ro'), properties);
  });
});

it('a volume that an attachment has left in error waits for a person', async () => {
  const { backend, cinder, volume } = it_;
  cinder.volumes.get(volume)!.status = 'error_attaching';
  await expect(backend.setVolumeState(volumeRef(volume), 'available')).rejects.toMatchObject({
    ...{ code: 'VolumeStateStuck', class: 'operator' },
  });
  expect(await backend.setVolumeState(volumeRef(volume), 'error_attaching')).toBe('alreadyGone');
});

it('attachments are listed anew when one is deleted between two pages', async () => {
  const { backend, cinder, proxy } = it_;
  const rows = Array.from({ length: 5 }, () => cinder.reserve(cinder.makeVolume()));
  const deletes = (id: string) => ({
    first: () => Promise.resolve().then(() => cinder.detach(id)),
  });
  proxy.next('GET', /marker=/, deletes(rows[1]!.id));
  const rest = rows.filter((row) => row !== rows[1]).map(({ id }) => id);
  expect((await backend.survey()).map(({ identity }) => identity)).toEqual(rest);
  // Not for ever.
  proxy.next('GET', /marker=/, deletes(rest[1]!));
  proxy.next('GET', /marker=/, deletes(rest[2]!));
  await expect(backend.survey()).rejects.toMatchObject({ code: 'BackendUnavailable' });
});

it('a look for leaks lists what no server has, over all pages', async () => {
  const { backend, cinder, volume, attachment } = it_;
  const { reservation } = await backend.createExport(attachment, properties);
  const [foreign, servers] = [cinder.makeVolume(), cinder.makeVolume()];
  cinder.reserve(servers, { instance: '7b2f5a0e-0d3c-4c64-9f6a-2f8f7d0b1e11' });
  const row = cinder.reserve(foreign);
  const seen = await backend.survey();
  expect(
    seen.map(({ kind, identity, attachmentId, verdict }) => [
      kind,
      identity,
      attachmentId ?? verdict?.state,
    ]),
  ).toEqual([
    ['reservation', expect.stringContaining(volume), attachment.id],
    ['export', reservation, attachment.id],
    ['export', row.id, 'unknown'],
  ]);
  // All columns would show the secret of the target.
  expect(seen.at(-1)!.look).toMatch(new RegExp(`show -c Status -c 'Volume ID' ${row.id}$`));
});
