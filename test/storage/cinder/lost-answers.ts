import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Attachment } from '../../../contract/attachment.ts';
import type { Backend } from '../../../storage/backend.ts';
import { Proxy } from '../../rig/cinder/proxy.ts';
import { attachmentOf, makeWorkbench, properties, type Workbench } from '../workbench.ts';

const ATTACHMENTS = /\/attachments$/;
const ATTACHMENT = /\/attachments\/[^/]+$/;
const unavailable = { code: 'BackendUnavailable', class: 'retry' };

type Row = { id: string; instance?: unknown };

/** What somebody else does at a Cinder, and what is seen there. */
export type CinderUnderTest = {
  start(): Promise<{ endpoint: string; project: string }>;
  stop(): Promise<void>;
  makeVolume(): Promise<string>;
  deleteVolume(id: string): Promise<void>;
  stateOf(volumeId: string): Promise<string>;
  setState(volumeId: string, state: string): Promise<void>;
  rowsOf(volumeId: string): Promise<Row[]>;
  attach(volumeId: string, instance?: string): Promise<void>;
  detach(attachmentId: string): Promise<void>;
};

/** What becomes of requests and answers on their way, and of what others do meanwhile. */
export function describeLostAnswers(title: string, cinder: CinderUnderTest): void {
  let noauth: { endpoint: string; project: string };
  let proxy: Proxy;
  let bench: Workbench;
  let backend: Backend;
  let volume: string;
  let attachment: Attachment;

  beforeAll(async () => {
    const place = await cinder.start();
    proxy = new Proxy(place.endpoint);
    await proxy.start();
    bench = await makeWorkbench();
    noauth = { endpoint: proxy.endpoint, project: place.project };
    backend = await bench.open({ type: 'cinder', noauth });
  });
  afterAll(async () => {
    await proxy.stop();
    await bench.remove();
    await cinder.stop();
  });
  beforeEach(async () => {
    volume = await cinder.makeVolume();
    attachment = attachmentOf(volume, 'one');
  });
  afterEach(async () => {
    proxy.forget();
    expect(await backend.listReservations()).toEqual([]);
    expect(await cinder.rowsOf(volume)).toEqual([]);
    expect(await cinder.stateOf(volume)).toBe('available');
    await cinder.deleteVolume(volume);
  });

  describe(`a lost answer of ${title}`, () => {
    it('to a POST that never arrived: it is repeated', async () => {
      proxy.next('POST', ATTACHMENTS, 'request lost');
      await expect(backend.createExport(attachment, properties)).rejects.toMatchObject(unavailable);
      const { reservation } = await backend.createExport(attachment, properties);
      expect((await cinder.rowsOf(volume)).map(({ id }) => id)).toEqual([reservation]);
      expect(await backend.removeExport(attachment)).toBe('done');
    });

    it.each(['createExport', 'removeExport'] as const)(
      'to a POST that was done makes %s wait for a person, and deletes nothing',
      async (step) => {
        const steps = {
          createExport: () => backend.createExport(attachment, properties),
          removeExport: () => backend.removeExport(attachment),
        };
        proxy.next('POST', ATTACHMENTS, 'answer lost');
        await expect(steps.createExport()).rejects.toMatchObject(unavailable);
        const [row] = await cinder.rowsOf(volume);
        await expect(steps[step]()).rejects.toMatchObject({
          code: 'AttachmentInDoubt',
          class: 'operator',
          params: { foreignId: row!.id },
        });
        expect(proxy.count('DELETE', ATTACHMENT)).toBe(0);
        expect(await cinder.rowsOf(volume)).toHaveLength(1);
        // What the person does who has found out that it is nobody else's.
        await cinder.detach(row!.id);
        if (step === 'createExport') await steps.createExport();
        expect(await backend.removeExport(attachment)).toBe('done');
      },
    );

    it('to a POST that is done after the copy has given it up: its last undo tells', async () => {
      proxy.next('POST', ATTACHMENTS, 'request lost');
      await expect(backend.createExport(attachment, properties)).rejects.toMatchObject(unavailable);
      expect(await backend.removeExport(attachment)).toBe('done');
      await cinder.attach(volume);
      const [row] = await cinder.rowsOf(volume);
      const ref = attachment.volume;
      await expect(backend.setVolumeState(ref, 'available')).rejects.toMatchObject({
        code: 'AttachmentInDoubt',
        params: { foreignId: row!.id },
      });
      await cinder.detach(row!.id);
      expect(await backend.setVolumeState(ref, 'available')).toBe('alreadyGone');
    });

    it('to a POST, with the volume taken by a server since, leaves that server alone', async () => {
      proxy.next('POST', ATTACHMENTS, 'request lost');
      await expect(backend.createExport(attachment, properties)).rejects.toMatchObject(unavailable);
      const instance = '7b2f5a0e-0d3c-4c64-9f6a-2f8f7d0b1e11';
      await cinder.attach(volume, instance);
      await expect(backend.createExport(attachment, properties)).rejects.toMatchObject({
        code: 'VolumeInUse',
      });
      expect(await backend.removeExport(attachment)).toBe('done');
      expect(await backend.setVolumeState(attachment.volume, 'available')).toBe('alreadyGone');
      const [row] = await cinder.rowsOf(volume);
      expect(row).toMatchObject({ instance });
      await cinder.detach(row!.id);
    });

    it('to PUT: the same connection comes with the next one', async () => {
      await backend.createExport(attachment, properties);
      proxy.next('PUT', ATTACHMENT, 'answer lost');
      const connect = () => backend.initializeConnection(attachment, properties);
      await expect(connect()).rejects.toMatchObject(unavailable);
      const info = await connect();
      expect(await connect()).toEqual(info);
      expect(await backend.removeExport(attachment)).toBe('done');
    });

    it('to DELETE: gone counts as done', async () => {
      await backend.createExport(attachment, properties);
      await backend.initializeConnection(attachment, properties);
      proxy.next('DELETE', ATTACHMENT, 'answer lost');
      await expect(backend.removeExport(attachment)).rejects.toMatchObject(unavailable);
      expect(await backend.removeExport(attachment)).toBe('done');
      expect(await backend.removeExport(attachment)).toBe('alreadyGone');
    });
  });

  describe(`a 404 of what is not ${title}`, () => {
    it('is never taken for gone', async () => {
      attachment.exported = await backend.createExport(attachment, properties);
      const lost = { status: 404, body: { error: 'no such page' } };
      proxy.next('DELETE', ATTACHMENT, lost);
      await expect(backend.removeExport(attachment)).rejects.toMatchObject(unavailable);
      proxy.next('GET', /\/attachments\//, lost);
      await expect(backend.inspectExport(attachment)).rejects.toMatchObject(unavailable);
      proxy.next('GET', /\/volumes\//, lost);
      await expect(backend.getVolume(attachment.volume)).rejects.toMatchObject(unavailable);
      proxy.next('DELETE', /\/volumes\//, lost);
      expect(await backend.listReservations()).toHaveLength(1);
      expect(await backend.removeExport(attachment)).toBe('done');
      await expect(backend.deleteVolume(attachment.volume)).rejects.toMatchObject(unavailable);
    });

    it.each([{ error: 'no such page' }, { itemNotFound: { code: 404, message: 'none' } }])(
      'is never taken for an empty list (%j)',
      async (body) => {
        proxy.next('GET', /\/volumes\/detail/, { status: 404, body });
        await expect(backend.listVolumes()).rejects.toThrow('HTTP 404');
        proxy.next('GET', /\/attachments\/detail/, { status: 404, body });
        await expect(backend.survey()).rejects.toThrow('HTTP 404');
      },
    );
  });

  it(`a 200 of what is not ${title} is never taken for done`, async () => {
    const page = { status: 200, body: 'back in an hour' };
    await backend.createExport(attachment, properties);
    await backend.initializeConnection(attachment, properties);
    proxy.next('POST', /\/action$/, page);
    await expect(backend.completeConnection(attachment)).rejects.toMatchObject(unavailable);
    await backend.completeConnection(attachment);
    proxy.next('DELETE', ATTACHMENT, page);
    await expect(backend.removeExport(attachment)).rejects.toMatchObject(unavailable);
    expect(await backend.listReservations()).toHaveLength(1);
    expect(await backend.removeExport(attachment)).toBe('done');
  });

  describe(`an attachment of ${title} that somebody else has deleted`, () => {
    it.each(['initializeConnection', 'completeConnection'] as const)(
      'is told as such by %s, and made anew',
      async (step) => {
        const { reservation } = await backend.createExport(attachment, properties);
        if (step === 'completeConnection') {
          await backend.initializeConnection(attachment, properties);
        }
        await cinder.detach(reservation);
        await expect(backend[step](attachment, properties)).rejects.toMatchObject({
          code: 'NotExported',
        });
        const anew = await backend.createExport(attachment, properties);
        expect(anew.reservation).not.toBe(reservation);
        await backend.initializeConnection(attachment, properties);
        await backend.completeConnection(attachment);
        expect(await backend.removeExport(attachment)).toBe('done');
      },
    );

    it('is found by what the workflow knows, without the records of this host', async () => {
      attachment.exported = await backend.createExport(attachment, properties);
      await backend.initializeConnection(attachment, properties);
      const other = await makeWorkbench();
      const elsewhere = await other.open({ type: 'cinder', noauth });
      expect(await elsewhere.createExport(attachment, properties)).toEqual(attachment.exported);
      expect(await elsewhere.removeExport(attachment)).toBe('done');
      await other.remove();
      expect(await backend.removeExport(attachment)).toBe('done');
    });
  });

  describe(`what is in the way to ${title}`, () => {
    it('a rate limit is waited for', async () => {
      const body = { overLimit: { code: 413, message: 'too many', retryAfter: 1 } };
      proxy.next('GET', /\/volumes\//, { status: 413, headers: { 'Retry-After': '1' }, body });
      const before = performance.now();
      expect(await backend.getVolume(attachment.volume)).toMatchObject({ state: 'available' });
      expect(performance.now() - before).toBeGreaterThan(900);
    });

    it.each([500, 503])('a %i is not taken for an answer', async (status) => {
      const body = { computeFault: { code: status, message: 'sorry' } };
      proxy.next('GET', /\/volumes\//, { status, body });
      const refused = backend.getVolume(attachment.volume);
      await expect(refused).rejects.toMatchObject(unavailable);
      await expect(refused).rejects.toThrow('sorry');
    });

    it('a volume that Cinder keeps reserved without an attachment waits for a person', async () => {
      await cinder.setState(volume, 'reserved');
      const ref = attachment.volume;
      await expect(backend.setVolumeState(ref, 'available')).rejects.toMatchObject({
        code: 'VolumeStateStuck',
        whatToDo: expect.stringContaining(`--state available ${volume}`) as string,
      });
      await cinder.setState(volume, 'available');
      expect(await backend.setVolumeState(ref, 'available')).toBe('alreadyGone');
    });
  });
}
