import { writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ConnectionInfo, ConnectorProperties } from '../../contract/attachment.ts';
import type { VolumeRef } from '../../contract/volume.ts';
import type { Backend } from '../../storage/backend.ts';
import type { BackendConfig } from '../../system/config/schema.ts';
import {
  attachmentOf,
  BACKEND,
  closeBackend,
  makeWorkbench,
  MIB,
  properties,
  type Workbench,
} from './workbench.ts';

/** What a suite needs to run one kind of backend. */
export type BackendUnderTest = {
  config(root: string): Promise<BackendConfig>;
  /** Makes a volume and answers its id. */
  makeVolume(backend: Backend): Promise<string>;
  /** Whether access is apart from the export: it can then be revoked, and terminated alone. */
  canRevoke: boolean;
  /** Whether createExport makes the export; else that is only reserved, without a name. */
  exportsAtOnce: boolean;
  /** Whether a volume can stay reserved without its export. */
  keepsReservation: boolean;
  /** Ends what `config` started and deletes what `makeVolume` made. */
  end(): Promise<void>;
};

/** What holds for attachments on every backend, run against the real thing. */
export function describeAttaching(title: string, make: () => BackendUnderTest): void {
  describe(`attachments of backend ${title}`, () => {
    const subject = make();
    let bench: Workbench;
    let config: BackendConfig;
    let backend: Backend;
    let ref: VolumeRef;

    beforeEach(async () => {
      bench = await makeWorkbench();
      config = await subject.config(bench.root);
      backend = await bench.open(config);
      ref = { backend: BACKEND, id: await subject.makeVolume(backend) };
    });
    afterEach(async () => {
      await closeBackend(backend);
      await subject.end();
      await bench.remove();
    });

    it('gives the same answer when a step is repeated', async () => {
      const attachment = attachmentOf(ref.id, 'one');
      const first = await backend.createExport(attachment, properties);
      expect(first.sizeBytes).toBe((await backend.getVolume(ref)).sizeBytes);
      if (subject.exportsAtOnce) expect(first.serial).toMatch(/^.{8,36}$/);
      else expect(first).not.toHaveProperty('serial');
      expect(await backend.createExport(attachment, properties)).toEqual(first);
      const info = await backend.initializeConnection(attachment, properties);
      expect(await backend.initializeConnection(attachment, properties)).toEqual(info);
      await backend.completeConnection(attachment);
      expect(await backend.createExport(attachment, properties)).toEqual(first);
      const found = await backend.getVolume(ref);
      expect(found).toMatchObject({ reservedBy: attachment.id, neverWritten: false });
      expect(found).not.toHaveProperty('refusal');
    });

    it('answers the same after its worker was replaced', async () => {
      const attachment = attachmentOf(ref.id, 'one');
      const exported = await backend.createExport(attachment, properties);
      const info = await backend.initializeConnection(attachment, properties);
      await backend.close();
      backend = await bench.open(config);
      expect(await backend.createExport(attachment, properties)).toEqual(exported);
      expect(await backend.initializeConnection(attachment, properties)).toEqual(info);
      expect(await backend.listReservations()).toEqual([attachment]);
    });

    it('undoes each step once and accepts that there is nothing left', async () => {
      const attachment = attachmentOf(ref.id, 'one');
      await backend.createExport(attachment, properties);
      await backend.initializeConnection(attachment, properties);
      const closes = subject.canRevoke ? 'done' : 'alreadyGone';
      expect(await backend.terminateConnection(attachment, properties, false)).toBe(closes);
      expect(await backend.terminateConnection(attachment, properties, false)).toBe('alreadyGone');
      expect(await backend.removeExport(attachment)).toBe('done');
      expect(await backend.removeExport(attachment)).toBe('alreadyGone');
      expect(await backend.setVolumeState(ref, 'available')).toBe('alreadyGone');
      expect(await backend.deleteVolume(ref)).toBe('done');
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

    it('keeps a volume for one attachment and names the holder to others', async () => {
      const attachment = attachmentOf(ref.id, 'one', 'ro');
      const other = attachmentOf(ref.id, 'two');
      await backend.createExport(attachment, properties);
      const refused = backend.createExport(other, properties);
      await expect(refused).rejects.toMatchObject({ code: 'VolumeBusy' });
      await expect(refused).rejects.toThrow(attachment.owner.workflowId);
      await expect(backend.deleteVolume(ref)).rejects.toMatchObject({
        code: 'DeleteReserved',
      });
      expect(await backend.removeExport(other)).toBe('alreadyGone');
      expect(await backend.listReservations()).toEqual([attachment]);
      await backend.removeExport(attachment);
      await backend.createExport(other, properties);
      expect(await backend.listReservations()).toEqual([other]);
    });

    it('lets exactly one of twenty reserve', async () => {
      const twenty = Array.from({ length: 20 }, (_, i) => attachmentOf(ref.id, `n${i}`));
      const done = await Promise.allSettled(
        twenty.map((each) => backend.createExport(each, properties)),
      );
      expect(done.filter((each) => each.status === 'fulfilled')).toHaveLength(1);
      for (const each of done) {
        if (each.status === 'rejected') expect(each.reason).toMatchObject({ code: 'VolumeBusy' });
      }
      expect(await backend.listReservations()).toHaveLength(1);
    });

    it('keeps a reservation for the attachment that takes it over, and for no other', async () => {
      const [first, second] = [attachmentOf(ref.id, 'one'), attachmentOf(ref.id, 'two')];
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
      const taken = await backend.createExport(second, properties, first.id);
      expect(taken.readsAsZeros).toBe(readsAsZeros);
      // Another one tells the copy that somebody may have had the volume in between.
      expect(taken.reservation === reservation).toBe(subject.keepsReservation);
      expect(await backend.createExport(second, properties, first.id)).toEqual(taken);
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
      expect([reservation, taken.reservation]).not.toContain(anew.reservation);
    });

    it('says what there is of an attachment', async () => {
      const [mine, other] = [attachmentOf(ref.id, 'one'), attachmentOf(ref.id, 'two')];
      const nothing = { exported: false, sessions: [] };
      expect(await backend.inspectExport(mine)).toEqual(nothing);
      expect(await backend.survey()).toEqual([]);
      await backend.createExport(mine, properties);
      const holder = { reservedBy: mine.id };
      const exported = { exported: true, sessions: [] };
      expect(await backend.inspectExport(mine)).toEqual({ ...holder, ...exported });
      expect(await backend.inspectExport(other)).toEqual({ ...holder, ...nothing });
      const seen = await backend.survey();
      expect(seen).toContainEqual(
        expect.objectContaining({ kind: 'reservation', attachmentId: mine.id, record: mine }),
      );
      expect(seen.filter(({ verdict }) => verdict !== undefined)).toEqual([]);
      await backend.removeExport(mine);
      expect(await backend.inspectExport(mine)).toEqual(nothing);
      expect(await backend.survey()).toEqual([]);
    });

    it('says whether it can take access away', async () => {
      const attachment = attachmentOf(ref.id, 'one');
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
      const stranger: ConnectorProperties = { ...properties, host: 'host-b' };
      delete stranger.initiator;
      await expect(
        backend.createExport(attachmentOf(ref.id, 'one'), stranger),
      ).rejects.toMatchObject({ code: 'ProtocolUnavailable' });
      expect(await backend.listReservations()).toEqual([]);
    });

    it('changes nothing once another worker has taken over', async () => {
      const { epoch } = bench.context;
      await writeFile(epoch.file, String(epoch.number + 1));
      const superseded = { code: 'WorkerSuperseded' };
      const attachment = attachmentOf(ref.id, 'late');
      await expect(backend.createVolume('disk2', MIB)).rejects.toMatchObject(superseded);
      await expect(backend.deleteVolume(ref)).rejects.toMatchObject(superseded);
      await expect(backend.createExport(attachment, properties)).rejects.toMatchObject(superseded);
      await writeFile(epoch.file, String(epoch.number));
      expect(await backend.listReservations()).toEqual([]);
    });

    it('says how to connect', async () => {
      const attachment = attachmentOf(ref.id, 'one', 'ro');
      const exported = await backend.createExport(attachment, properties);
      const info: ConnectionInfo = await backend.initializeConnection(attachment, properties);
      expect(info.data).toMatchObject({ access_mode: 'ro', encrypted: false });
      if (subject.exportsAtOnce) expect(Object.values(info.data)).toContain(exported.name);
    });
  });
}
