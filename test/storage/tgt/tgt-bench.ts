import type { ConnectionInfo } from '../../../contract/attachment.ts';
import type { Backend } from '../../../storage/backend.ts';
import type { TgtBackendConfig } from '../../../system/config/schema.ts';
import { startTgtd, type Tgtd } from '../../rig/tgtd.ts';
import { attachmentOf, makeWorkbench, MIB, properties, type Workbench } from '../workbench.ts';
import { iscsiData } from './initiator.ts';

/** A tgtd that is not ours and a backend on it. */
export type TgtBench = {
  bench: Workbench;
  tgtd: Tgtd;
  config: TgtBackendConfig;
  backend: Backend;
  remove(): Promise<void>;
};

export async function makeTgtBench(devices: Record<string, string> = {}): Promise<TgtBench> {
  const tgtd = await startTgtd();
  const bench = await makeWorkbench();
  const { portal, controlPort } = tgtd;
  const root = bench.root;
  const config: TgtBackendConfig = {
    type: 'tgt',
    root,
    portal,
    controlPort,
    managed: false,
    devices,
  };
  const backend = await bench.open(config);
  return {
    bench,
    tgtd,
    config,
    backend,
    async remove() {
      await backend.close();
      await tgtd.stop();
      await bench.remove();
    },
  };
}

/** Creates a volume, exports it and lets the host in. */
export async function attach(backend: Backend, volumeId: string, accessMode: 'ro' | 'rw' = 'rw') {
  await backend.createVolume(volumeId, 4 * MIB);
  const attachment = attachmentOf(volumeId, 'one', accessMode);
  const exported = await backend.createExport(attachment, properties);
  const info: ConnectionInfo = await backend.initializeConnection(attachment, properties);
  return { attachment, exported, data: iscsiData(info) };
}
