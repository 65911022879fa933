import type { TgtBackendConfig } from '../../system/config/schema.ts';
import { freePort, randomControlPort, startTgtd, type Tgtd } from '../rig/tgtd.ts';
import { describeBackend } from './backend-contract.ts';

const base: Pick<TgtBackendConfig, 'type' | 'devices'> = { type: 'tgt', devices: {} };

describeBackend('tgt on a tgtd that runs anyway', () => {
  let tgtd: Tgtd | undefined;
  return {
    async config(root) {
      tgtd = await startTgtd();
      const { portal, controlPort } = tgtd;
      return { ...base, root, portal, controlPort, managed: false };
    },
    canRevoke: true,
    async end() {
      await tgtd?.stop();
      tgtd = undefined;
    },
  };
});

describeBackend('tgt with a tgtd of its own', () => ({
  async config(root) {
    const portal = `127.0.0.1:${await freePort()}`;
    return { ...base, root, portal, controlPort: randomControlPort(), managed: true };
  },
  canRevoke: true,
  // It ends with the last export.
  end: () => Promise.resolve(),
}));
