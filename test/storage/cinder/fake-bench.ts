import { afterEach, beforeEach } from 'vitest';
import type { Attachment } from '../../../contract/attachment.ts';
import type { Backend } from '../../../storage/backend.ts';
import { Proxy } from '../../rig/cinder/proxy.ts';
import { attachmentOf, BACKEND, makeWorkbench, type Workbench } from '../workbench.ts';
import { FakeCinder } from './fake-cinder.ts';

/** A backend of a Cinder of its own, with one volume and what stands in between. */
export type FakeBench = {
  cinder: FakeCinder;
  proxy: Proxy;
  bench: Workbench;
  backend: Backend;
  volume: string;
  attachment: Attachment;
  /** Another backend object of the same state directory. */
  open: (noauth?: { endpoint: string; project: string }) => Promise<Backend>;
};

/** Anew for every test of the file. */
export function fakeBench(): FakeBench {
  const it_ = {} as FakeBench;
  beforeEach(async () => {
    const cinder = new FakeCinder();
    await cinder.start();
    const proxy = new Proxy(cinder.endpoint);
    await proxy.start();
    const bench = await makeWorkbench();
    const place = { endpoint: proxy.endpoint, project: cinder.project };
    const open = (noauth = place) => bench.open({ type: 'cinder', noauth });
    const volume = cinder.makeVolume();
    const attachment = attachmentOf(volume, 'one');
    Object.assign(it_, { cinder, proxy, bench, volume, attachment, open, backend: await open() });
  });
  afterEach(async () => {
    await it_.proxy.stop();
    await it_.cinder.stop();
    await it_.bench.remove();
  });
  return it_;
}

export const volumeRef = (id: string) => ({ backend: BACKEND, id });
