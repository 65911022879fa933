import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';
import type { Volume } from '../../contract/volume.ts';
import type { Backend } from '../../storage/backend.ts';
import type { BackendConfig } from '../../system/config/schema.ts';
import { Cinder } from '../rig/cinder/cinder.ts';
import { describeAttaching } from '../storage/attaching-contract.ts';
import {
  attachmentOf,
  BACKEND,
  makeWorkbench,
  properties,
  type Workbench,
} from '../storage/workbench.ts';

const GIB = 2 ** 30;
const cinder = new Cinder(inject('cinder'));
const { endpoint, project } = cinder;
const config: BackendConfig = { type: 'cinder', noauth: { endpoint, project } };

describeAttaching('cinder', () => {
  let made: string[] = [];
  return {
    config: () => Promise.resolve(config),
    async makeVolume() {
      const id = await cinder.createVolume('pool1');
      made.push(id);
      return id;
    },
    // Cinder shows no sessions, and takes access, export and reservation back in one call.
    canRevoke: false,
    // It names an export only once the host is let in, and tells no serial.
    exportsAtOnce: false,
    // Its attachments cannot give back their export alone.
    keepsReservation: false,
    async end() {
      expect(await cinder.attachments()).toEqual([]);
      expect(await cinder.targets()).toEqual([]);
      const rest = new Set((await cinder.volumes()).map(({ id }) => id));
      for (const id of made) if (rest.has(id)) await cinder.deleteVolume(id);
      made = [];
    },
  };
});

let bench: Workbench;
let backend: Backend;
beforeAll(async () => {
  bench = await makeWorkbench();
  backend = await bench.open(config);
});
afterEach(async () => {
  for (const { id } of await cinder.volumes()) await cinder.deleteVolume(id);
});
afterAll(() => bench.remove());

const ref = (id: string) => ({ backend: BACKEND, id });

describe('volumes of backend cinder', () => {
  it('are made by name and have an id of their own', async () => {
    const made = await backend.createVolume('disk1', GIB);
    const { id } = made;
    const facts = { sizeBytes: GIB, state: 'available', neverWritten: false };
    expect(made).toEqual({ ...ref(id), ...facts });
    expect(await cinder.volume(id)).toMatchObject({ name: 'disk1', size: 1 });
    expect(await backend.getVolume(ref(id))).toEqual(made);
    expect(await backend.listVolumes()).toEqual([made]);
    await expect(backend.createVolume('disk1', GIB)).rejects.toMatchObject({
      code: 'VolumeExists',
    });
    expect(await backend.deleteVolume(ref(id))).toBe('done');
    expect(await backend.deleteVolume(ref(id))).toBe('alreadyGone');
    await expect(backend.getVolume(ref(id))).rejects.toMatchObject({ code: 'VolumeNotFound' });
  });

  it('have a name of letters and a size in whole GiB', async () => {
    for (const size of [0, -GIB, 512, GIB + 512, Number.NaN, 2 ** 62]) {
      await expect(backend.createVolume('bad', size)).rejects.toMatchObject({ code: 'BadSize' });
    }
    await expect(backend.createVolume('../x', GIB)).rejects.toMatchObject({
      code: 'BadVolumeName',
    });
    expect(await cinder.volumes()).toEqual([]);
  });

  it('of which one cannot be made is not left behind', async () => {
    const made = backend.createVolume('huge', 10_000 * GIB);
    await expect(made).rejects.toMatchObject({ code: 'VolumeNotMade' });
    expect(await cinder.volumes()).toEqual([]);
  });

  it('are listed beside one whose record cannot be read', async () => {
    const ids = [await cinder.createVolume('pool1'), await cinder.createVolume('pool2')];
    await writeFile(join(bench.context.stateRoot, 'cinder', BACKEND, `${ids[0]}.json`), '{');
    const listed: Record<string, Volume> = {};
    for (const volume of await backend.listVolumes()) listed[volume.id] = volume;
    expect(ids.map((id) => listed[id]?.state)).toEqual(['damaged', 'available']);
    await expect(
      backend.createExport(attachmentOf(ids[0]!, 'one'), properties),
    ).rejects.toMatchObject({ code: 'StateDamaged' });
  });
});

describe('what cannot be attached is told before it is touched', () => {
  type Case = [code: string, make: (id: string) => Promise<unknown>];
  const setState = (body: object) => (id: string) =>
    cinder.call('POST', `/volumes/${id}/action`, { 'os-reset_status': body });
  const cases: Case[] = [
    ['VolumeInError', setState({ status: 'error' })],
    ['VolumeInMaintenance', setState({ status: 'maintenance' })],
    ['VolumeMigrating', setState({ migration_status: 'migrating' })],
    ['VolumeNotReady', setState({ status: 'creating' })],
    [
      'VolumeInUse',
      (id) => cinder.call('POST', '/attachments', { attachment: { volume_uuid: id } }),
    ],
  ];
  it.each(cases)('%s', async (code, make) => {
    const id = await cinder.createVolume('pool1');
    await make(id);
    const before = await cinder.attachments();
    expect((await backend.getVolume(ref(id))).refusal).toMatchObject({ code, class: 'user' });
    const refused = backend.createExport(attachmentOf(id, 'one'), properties);
    await expect(refused).rejects.toMatchObject({ code });
    expect(await cinder.attachments()).toEqual(before);
    expect(await backend.listReservations()).toEqual([]);
    for (const row of before) await cinder.call('DELETE', `/attachments/${row.id}`);
    await setState({ status: 'available', migration_status: 'none' })(id);
  });

  it('VolumeReadOnly, for a destination alone', async () => {
    const id = await cinder.createVolume('pool1');
    const readOnly = { 'os-update_readonly_flag': { readonly: true } };
    await cinder.call('POST', `/volumes/${id}/action`, readOnly);
    await expect(backend.createExport(attachmentOf(id, 'one'), properties)).rejects.toMatchObject({
      code: 'VolumeReadOnly',
    });
    const source = attachmentOf(id, 'one', 'ro');
    await backend.createExport(source, properties);
    expect(await backend.removeExport(source)).toBe('done');
  });

  const LUKS = { provider: 'luks', control_location: 'front-end', key_size: 256 };
  it.each([
    ['VolumeMultiattach', { multiattach: '<is> True' }, undefined],
    ['EncryptionUnsupported', {}, { ...LUKS, cipher: 'aes-xts-plain64' }],
  ])('%s', async (code, extraSpecs, encryption) => {
    const type = await cinder.makeType(code, extraSpecs);
    if (encryption !== undefined) {
      await cinder.call('POST', `/types/${type}/encryption`, { encryption });
    }
    const id = await cinder.createVolume(code);
    const refused = backend.createExport(attachmentOf(id, 'one'), properties);
    await expect(refused).rejects.toMatchObject({ code });
  });
});
