import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FleetRig, plain, volumes } from './fleet/rig.ts';

let rig: FleetRig;
beforeAll(async () => {
  rig = await FleetRig.start();
});
afterAll(() => rig.stop());

describe('a fleet', () => {
  it('copies all volumes of its plan, each once', async () => {
    const fleet = await rig.fleet(volumes(plain(20)));
    const result = await fleet.result();
    expect(result).toMatchObject({ phase: 'done', volumes: 20, bytesDone: 20 * 2 ** 20 });
    expect(result.counts).toMatchObject({ done: 20, waiting: 0, failed: 0 });
    for (const id of plain(20)) expect(await rig.runsOf(id)).toBe(1);
  });
});
