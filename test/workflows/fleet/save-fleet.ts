import type { WorkflowHandle } from '@temporalio/client';
import { FleetRig, volumes } from './rig.ts';

type Save = (name: string, run: { handle: WorkflowHandle }) => Promise<void>;

/** A fleet with a copy that failed twice and one that was parked, paused for a while. */
export async function saveFleet(save: Save): Promise<void> {
  const rig = await FleetRig.start();
  const planned = [
    ...volumes(['slow-canary'], { wave: 0 }),
    ...volumes(['bad', 'park', 'v1', 'v2', 'v3'], { tenant: 'acme' }),
  ];
  const fleet = await rig.fleet(planned, { limits: { total: 2, perTenant: 2 } });
  await fleet.until('the canary is at work', ({ counts }) => counts.running === 1);
  await fleet.tell('pause');
  await rig.goOn('slow-canary');
  await fleet.tell('resume');
  await fleet.until('one is parked', ({ counts }) => counts.parked === 1 && counts.done === 4);
  await fleet.tell('retry');
  await fleet.until('it failed again', ({ counts }) => counts.failed === 1);
  await rig.goOn('park');
  await fleet.result();
  await save('fleet', fleet);
  await rig.stop();
}
