import { expect } from 'vitest';
import { describeAttaching } from '../attaching-contract.ts';
import { FakeCinder } from './fake-cinder.ts';

describeAttaching('cinder', () => {
  let cinder: FakeCinder;
  return {
    async config() {
      cinder = new FakeCinder();
      await cinder.start();
      return { type: 'cinder', noauth: { endpoint: cinder.endpoint, project: cinder.project } };
    },
    makeVolume: () => Promise.resolve(cinder.makeVolume()),
    // Cinder shows no sessions, and takes access, export and reservation back in one call.
    canRevoke: false,
    // It names an export only once the host is let in, and tells no serial.
    exportsAtOnce: false,
    // Its attachments cannot give back their export alone.
    keepsReservation: false,
    async end() {
      expect([...cinder.attachments.values()]).toEqual([]);
      await cinder.stop();
    },
  };
});
