import { expect, inject } from 'vitest';
import { Cinder } from '../rig/cinder/cinder.ts';
import { describeLostAnswers } from '../storage/cinder/lost-answers.ts';

const cinder = new Cinder(inject('cinder'));

describeLostAnswers('a real Cinder', {
  start: () => Promise.resolve({ endpoint: cinder.endpoint, project: cinder.project }),
  stop: async () => expect(await cinder.targets()).toEqual([]),
  makeVolume: () => cinder.createVolume('pool1'),
  deleteVolume: (id) => cinder.deleteVolume(id),
  stateOf: async (id) => (await cinder.volume(id)).status,
  async setState(id, status) {
    await cinder.call('POST', `/volumes/${id}/action`, { 'os-reset_status': { status } });
  },
  rowsOf: (id) => cinder.attachments(id),
  async attach(id, instance_uuid) {
    const attachment = { volume_uuid: id, ...(instance_uuid ? { instance_uuid } : {}) };
    await cinder.call('POST', '/attachments', { attachment });
  },
  async detach(id) {
    await cinder.call('DELETE', `/attachments/${id}`);
  },
});
