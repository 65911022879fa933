import { randomBytes } from 'node:crypto';
import { readdir, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ConnectionInfo, ConnectorProperties } from '../../contract/attachment.ts';
import type { Backend } from '../../storage/backend.ts';
import type { BackendConfig } from '../../system/config/schema.ts';
import {
  attachmentOf,
  BACKEND,
  makeWorkbench,
  MIB,
  properties,
  type Workbench,
} from './workbench.ts';

/** What a suite needs to run one kind of backend. */
export type BackendUnderTest = {
  config(root: string): Promise<BackendConfig>;
  canRevoke: boolean;
  /** Ends what `config` started. */
  end(): Promise<void>;
};

const ref = (id: string) => ({ backend: BACKEND, id });

/** Files below the root by name, without those of tgtd itself. */
async function filesOf(root: string): Promise<string[]> {
  const names = await readdir(root, { recursive: true, withFileTypes: true });
  return names
    .filter((entry) => entry.isFile() && !entry.parentPath.endsWith('/tgtd'))
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1))
    .sort();
}

/** What holds for every backend, run against the real thing. */
export function describeBackend(title: string, make: () => BackendUnderTest): void {
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
      for (const held of await backend.listReservations()) {
        await backend.terminateConnection(held, properties, true);
        await backend.removeExport(held);
      }
      await backend.close();
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

    it('gives the same answer when a step is repeated', async () => {
      await backend.createVolume('disk1', MIB);
      const attachment = attachmentOf('disk1', 'one');
      const first = await backend.createExport(attachment, properties);
      expect(first).toMatchObject({ sizeBytes: MIB, readsAsZeros: true });
      expect(first.serial).toMatch(/^.{8,36}$/);
      expect(await backend.createExport(attachment, properties)).toEqual(first);
      const info = await backend.initializeConnection(attachment, properties);
      expect(await backend.initializeConnection(attachment, properties)).toEqual(info);
      await backend.completeConnection(attachment);
      expect(await backend.createExport(attachment, properties)).toEqual(first);
      expect(await backend.getVolume(ref('disk1'))).toMatchObject({
        reservedBy: attachment.id,
        neverWritten: false,
        state: 'available',
      });
    });

    it('answers the same after its worker was replaced', async () => {
      await backend.createVolume('disk1', MIB);
      const attachment = attachmentOf('disk1', 'one');
      const exported = await backend.createExport(attachment, properties);
      const info = await backend.initializeConnection(attachment, properties);
      await backend.close();
      backend = await bench.open(config);
      expect(await backend.createExport(attachment, properties)).toEqual(exported);
      expect(await backend.initializeConnection(attachment, properties)).toEqual(info);
      expect(await backend.listReservations()).toEqual([attachment]);
    });

    it('undoes each step once and accepts that there is nothing left', async () => {
      await backend.createVolume('disk1', MIB);
      const attachment = attachmentOf('disk1', 'one');
      await backend.createExport(attachment, properties);
      const info = await backend.initializeConnection(attachment, properties);
      const closes = info.driverVolumeType === 'local' ? 'alreadyGone' : 'done';
      expect(await backend.terminateConnection(attachment, properties, false)).toBe(closes);
      expect(await backend.terminateConnection(attachment, properties, false)).toBe('alreadyGone');
      expect(await backend.removeExport(attachment)).toBe('done');
      expect(await backend.removeExport(attachment)).toBe('alreadyGone');
      expect(await backend.setVolumeState(ref('disk1'), 'available')).toBe('alreadyGone');
      expect(await filesOf(bench.root)).toEqual([
        'uuid',
        'volumes/disk1.json',
        'volumes/disk1.raw',
      ]);
      expect(await backend.deleteVolume(ref('disk1'))).toBe('done');
    });

    it('undoes what never happened', async () => {
      const never = attachmentOf('none', 'never');
      expect(await backend.terminateConnection(never, properties, false)).toBe('alreadyGone');
      expect(await backend.terminateConnection(never, properties, true)).toBe('alreadyGone');
      expect(await backend.removeExport(never)).toBe('alreadyGone');
      await expect(backend.createExport(never, properties)).rejects.toMatchObject({
        code: 'VolumeNotFound',
      });
      await expect(backend.initializeConnection(never, properties)).rejects.toMatchObject({
        code: 'NotExported',
      });
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

    it('keeps a volume for one attachment and names the holder to others', async () => {
      await backend.createVolume('disk1', MIB);
      const attachment = attachmentOf('disk1', 'one', 'ro');
      const other = attachmentOf('disk1', 'two');
      await backend.createExport(attachment, properties);
      const refused = backend.createExport(other, properties);
      await expect(refused).rejects.toMatchObject({ code: 'VolumeBusy' });
      await expect(refused).rejects.toThrow(attachment.owner.workflowId);
      await expect(backend.deleteVolume(ref('disk1'))).rejects.toMatchObject({
        code: 'DeleteReserved',
      });
      expect(await backend.removeExport(other)).toBe('alreadyGone');
      expect(await backend.listReservations()).toEqual([attachment]);
      await backend.removeExport(attachment);
      await backend.createExport(other, properties);
      expect(await backend.listReservations()).toEqual([other]);
    });

    it('lets exactly one of twenty reserve', async () => {
      await backend.createVolume('disk1', MIB);
      const twenty = Array.from({ length: 20 }, (_, i) => attachmentOf('disk1', `n${i}`));
      const done = await Promise.allSettled(
        twenty.map((each) => backend.createExport(each, properties)),
      );
      expect(done.filter((each) => each.status === 'fulfilled')).toHaveLength(1);
      for (const each of done) {
        if (each.status === 'rejected') expect(each.reason).toMatchObject({ code: 'VolumeBusy' });
      }
      expect(await backend.listReservations()).toHaveLength(1);
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

    it('keeps a reservation for the attachment that takes it over, and for no other', async () => {
      await backend.createVolume('disk1', MIB);
      const [first, second] = [attachmentOf('disk1', 'one'), attachmentOf('disk1', 'two')];
      const exported = await backend.createExport(first, properties);
      await backend.initializeConnection(first, properties);
      await backend.terminateConnection(first, properties, false);
      await backend.removeExport(first, true);
      expect(await backend.removeExport(first, true)).toBe('alreadyGone');
      expect(await backend.listReservations()).toEqual([first]);
      await expect(backend.createExport(second, properties)).rejects.toMatchObject({
        code: 'VolumeBusy',
      });
      const { reservation, readsAsZeros } = exported;
      for (const repeat of [1, 2]) {
        const taken = await backend.createExport(second, properties, first.id);
        expect(taken, `${repeat}`).toMatchObject({ reservation, readsAsZeros });
      }
      await expect(backend.createExport(first, properties)).rejects.toMatchObject({
        code: 'VolumeBusy',
      });
      expect(await backend.removeExport(first)).toBe('alreadyGone');
      expect(await backend.listReservations()).toEqual([second]);
      await backend.initializeConnection(second, properties);
      await backend.terminateConnection(second, properties, false);
      expect(await backend.removeExport(second)).toBe('done');
      // Nobody has it: there is nothing to take over, and the reservation is a new one.
      const anew = await backend.createExport(second, properties, first.id);
      expect(anew.reservation).not.toBe(reservation);
    });

    it('says whether it can take access away', async () => {
      await backend.createVolume('disk1', MIB);
      const attachment = attachmentOf('disk1', 'one');
      await backend.createExport(attachment, properties);
      await backend.initializeConnection(attachment, properties);
      expect(backend.facts).toEqual({
        name: BACKEND,
        hostBound: true,
        canRevoke: subject.canRevoke,
      });
      const answer = subject.canRevoke ? 'revoked' : 'cannot';
      expect(await backend.revokeAccess(attachment, properties)).toBe(answer);
      expect(await backend.revokeAccess(attachment, properties)).toBe(answer);
    });

    it('refuses a host that it cannot reach', async () => {
      await backend.createVolume('disk1', MIB);
      const stranger: ConnectorProperties = { ...properties, host: 'host-b' };
      delete stranger.initiator;
      await expect(
        backend.createExport(attachmentOf('disk1', 'one'), stranger),
      ).rejects.toMatchObject({ code: 'ProtocolUnavailable' });
      expect(await backend.listReservations()).toEqual([]);
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

    it('changes nothing once another worker has taken over', async () => {
      await backend.createVolume('disk1', MIB);
      const { epoch } = bench.context;
      await writeFile(epoch.file, String(epoch.number + 1));
      const superseded = { code: 'WorkerSuperseded' };
      const attachment = attachmentOf('disk1', 'late');
      await expect(backend.createVolume('disk2', MIB)).rejects.toMatchObject(superseded);
      await expect(backend.deleteVolume(ref('disk1'))).rejects.toMatchObject(superseded);
      await expect(backend.createExport(attachment, properties)).rejects.toMatchObject(superseded);
      await writeFile(epoch.file, String(epoch.number));
      expect(await backend.listReservations()).toEqual([]);
    });

    it('says how to connect', async () => {
      await backend.createVolume('disk1', MIB);
      const attachment = attachmentOf('disk1', 'one', 'ro');
      const exported = await backend.createExport(attachment, properties);
      const info: ConnectionInfo = await backend.initializeConnection(attachment, properties);
      expect(info.data).toMatchObject({ access_mode: 'ro', encrypted: false });
      expect(Object.values(info.data)).toContain(exported.name);
    });
  });
}
