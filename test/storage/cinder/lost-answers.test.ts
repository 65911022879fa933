import { FakeCinder } from './fake-cinder.ts';
import { describeLostAnswers } from './lost-answers.ts';

const fake = new FakeCinder();

describeLostAnswers('a Cinder', {
  async start() {
    await fake.start();
    const { endpoint, project } = fake;
    return { endpoint, project };
  },
  stop: () => fake.stop(),
  makeVolume: () => Promise.resolve(fake.makeVolume()),
  deleteVolume: (id) => Promise.resolve(void fake.volumes.delete(id)),
  stateOf: (id) => Promise.resolve(fake.volumes.get(id)!.status),
  setState(id, status) {
    fake.volumes.get(id)!.status = status;
    return Promise.resolve();
  },
  rowsOf: (id) => Promise.resolve(fake.of(id)),
  attach: (id, instance) => Promise.resolve(void fake.reserve(id, instance ? { instance } : {})),
  detach(id) {
    fake.detach(id);
    return Promise.resolve();
  },
});
