import { randomBytes } from 'node:crypto';
import { readdir, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Backend } from '../../storage/backend.ts';
import type { BackendConfig } from '../../system/config/schema.ts';
import { type BackendUnderTest, describeAttaching } from './attaching-contract.ts';
import {
  attachmentOf,
  BACKEND,
  closeBackend,
  makeWorkbench,
  MIB,
  properties,
  type Workbench,
} from './workbench.ts';

type RootUnderTest = Pick<BackendUnderTest, 'config' | 'canRevoke' | 'end'>;

const ref = (id: string) => ({ backend: BACKEND, id });

/** Files below the root by name, without those of tgtd itself. */
async function filesOf(root: string): Promise<string[]> {
  const names = await readdir(root, { recursive: true, withFileTypes: true });
  return names
    .filter((entry) => entry.isFile() && !entry.parentPath.endsWith('/tgtd'))
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1))
    .sort();
}

/** What holds for every backend with a root directory, beside what holds for attachments. */
export function describeBackend(title: string, make: () => RootUnderTest): void {
  describeAttaching(title, () => ({
    ...make(),
    makeVolume: async (backend) => (await backend.createVolume('disk1', MIB)).id,
    exportsAtOnce: true,
    keepsReservation: true,
  }));

  describe(`backend ${title}`, () => {
    const subject = make();
    let bench: Workbench;
    let config: BackendConfig;
    let backend: Backend;

    beforeEach(async () => {
      bench = await makeWorkbench();
      config = await subject.config(bench.root);
      backend = await bench.open(config);
    });
    afterEach(async () => {
      await closeBackend(backend);
      await subject.end();
      await bench.remove();
    });

    it('creates, lists, shows and deletes volumes', async () => {
      const made = await backend.createVolume('disk1', 4 * MIB);
      expect(made).toEqual({
        ...ref('disk1'),
        sizeBytes: 4 * MIB,
        state: 'available',
        neverWritten: true,
      });
      await backend.createVolume('a.b_c-d', 512);
      expect((await backend.listVolumes()).map((volume) => volume.id)).toEqual([
        'a.b_c-d',
        'disk1',
      ]);
      expect(await backend.getVolume(ref('disk1'))).toEqual(made);
      const raw = await stat(join(bench.root, 'volumes/disk1.raw'));
      expect([raw.size, raw.blocks, raw.mode & 0o777]).toEqual([4 * MIB, 0, 0o600]);
      expect(await backend.deleteVolume(ref('disk1'))).toBe('done');
      expect(await backend.deleteVolume(ref('disk1'))).toBe('alreadyGone');
      await expect(backend.getVolume(ref('disk1'))).rejects.toMatchObject({
        code: 'VolumeNotFound',
      });
      expect(await filesOf(bench.root)).toEqual([
        'uuid',
        'volumes/a.b_c-d.json',
        'volumes/a.b_c-d.raw',
      ]);
    });

    it('refuses bad sizes, bad names and a name that is taken, and leaves nothing', async () => {
      for (const size of [0, -512, 511, 513, 1.5, Number.NaN, 2 ** 53]) {
        await expect(backend.createVolume('bad', size)).rejects.toMatchObject({ code: 'BadSize' });
      }
      for (const id of ['', '../x', 'a/b', '-a', 'a'.repeat(65), 'a b']) {
        await expect(backend.createVolume(id, 512)).rejects.toMatchObject({
          code: 'BadVolumeName',
        });
      }
      expect(await filesOf(bench.root)).toEqual(['uuid']);
      await backend.createVolume('disk1', 1024);
      await expect(backend.createVolume('disk1', 2048)).rejects.toMatchObject({
        code: 'VolumeExists',
      });
      expect((await backend.getVolume(ref('disk1'))).sizeBytes).toBe(1024);
    });

    it('lets one of several creators win', async () => {
      const sizes = Array.from({ length: 10 }, (_, i) => (i + 1) * 512);
      const done = await Promise.allSettled(sizes.map((size) => backend.createVolume('one', size)));
      const won = done.filter((each) => each.status === 'fulfilled');
      expect(won).toHaveLength(1);
      expect(await backend.getVolume(ref('one'))).toEqual(won[0]?.value);
    });

    it('takes a raw file that was put there by hand for a written volume', async () => {
      await writeFile(join(bench.root, 'volumes/hand.raw'), randomBytes(2048));
      expect(await backend.getVolume(ref('hand'))).toMatchObject({
        sizeBytes: 2048,
        neverWritten: false,
      });
    });

    it('does not believe the never-written mark of a file that was replaced', async () => {
      await backend.createVolume('disk1', 8192);
      await writeFile(join(bench.root, 'volumes/disk1.raw'), randomBytes(8192));
      expect((await backend.getVolume(ref('disk1'))).neverWritten).toBe(false);
      const exported = await backend.createExport(attachmentOf('disk1', 'x'), properties);
      expect(exported.readsAsZeros).toBe(false);
    });

    it('leaves nothing of an attachment among its files', async () => {
      await backend.createVolume('disk1', MIB);
      const attachment = attachmentOf('disk1', 'one');
      await backend.createExport(attachment, properties);
      await backend.initializeConnection(attachment, properties);
      await backend.terminateConnection(attachment, properties, false);
      await backend.removeExport(attachment);
      expect(await filesOf(bench.root)).toEqual([
        'uuid',
        'volumes/disk1.json',
        'volumes/disk1.raw',
      ]);
    });

    it('lists the other reservations beside one that cannot be read', async () => {
      for (const id of ['disk1', 'disk2']) await backend.createVolume(id, MIB);
      const [damaged, whole] = [attachmentOf('disk1', 'one'), attachmentOf('disk2', 'two')];
      for (const each of [damaged, whole]) await backend.createExport(each, properties);
      const file = join(bench.root, 'reservations', 'disk1.json');
      const text = await readFile(file, 'utf8');
      await writeFile(file, text.slice(0, 20));
      expect(await backend.listReservations()).toEqual([whole]);
      expect(await backend.listVolumes()).toMatchObject([
        { id: 'disk1', state: 'damaged' },
        { id: 'disk2', state: 'available', reservedBy: whole.id },
      ]);
      await expect(backend.createExport(damaged, properties)).rejects.toMatchObject({
        code: 'StateDamaged',
      });
      await writeFile(file, text);
    });

    it('clears the never-written mark for a writable export alone', async () => {
      await backend.createVolume('disk1', MIB);
      const reader = attachmentOf('disk1', 'reader', 'ro');
      expect((await backend.createExport(reader, properties)).readsAsZeros).toBe(true);
      await backend.removeExport(reader);
      expect((await backend.getVolume(ref('disk1'))).neverWritten).toBe(true);
      const writer = attachmentOf('disk1', 'writer');
      expect((await backend.createExport(writer, properties)).readsAsZeros).toBe(true);
      await backend.removeExport(writer);
      expect((await backend.createExport(writer, properties)).readsAsZeros).toBe(false);
    });

    it('serves no other root than the one it has seen', async () => {
      await backend.createVolume('disk1', MIB);
      const aside = `${bench.root}.aside`;
      await rename(bench.root, aside);
      // An unmounted file system: the directory is there, and empty.
      const foreign = { code: 'ForeignRoot' };
      await expect(backend.removeExport(attachmentOf('disk1', 'x'))).rejects.toMatchObject(foreign);
      await expect(backend.listVolumes()).rejects.toMatchObject(foreign);
      await expect(bench.open(config)).rejects.toMatchObject(foreign);
      await rename(aside, bench.root);
      const uuid = await readFile(join(bench.root, 'uuid'), 'utf8');
      await writeFile(join(bench.root, 'uuid'), 'another\n');
      await expect(backend.createVolume('disk2', MIB)).rejects.toMatchObject(foreign);
      await expect(bench.open(config)).rejects.toThrow('another');
      await writeFile(join(bench.root, 'uuid'), uuid);
      expect(await backend.listVolumes()).toHaveLength(1);
    });
  });
}
