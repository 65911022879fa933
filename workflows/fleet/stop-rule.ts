import {
  type FleetState,
  type FleetStatus,
  STOP_SAMPLE,
  type StopRule,
} from '../../contract/fleet.ts';

/** Failed and parked ones are trouble, cancelled ones somebody's wish. */
export function troublesOf({ failed, parked, done }: FleetStatus['counts']) {
  return { failures: failed + parked, ended: failed + parked + done };
}

/** Why no more volumes are to be begun; undefined while nothing speaks against it. */
export function whyStop(
  rule: StopRule,
  counts: FleetStatus['counts'],
  forgiven: FleetState['forgiven'],
): string | undefined {
  const all = troublesOf(counts);
  const failures = all.failures - forgiven.failures;
  const ended = all.ended - forgiven.ended;
  if (failures >= rule.failures) return `${failures} volumes failed or are parked`;
  const { percent } = rule;
  if (percent === undefined || ended < STOP_SAMPLE || failures * 100 < percent * ended) {
    return undefined;
  }
  return `${failures} of ${ended} volumes failed or are parked`;
}
