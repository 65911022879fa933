import type { Role } from '../contract/volume.ts';
import type { Fault } from './faults.ts';

/** Tells a step which faults it hands on instead of parking them. */
export type OnFault = (fault: Fault) => 'parkOrFail' | 'throw';

/**
 * A dead device answers nothing for ever, so no retry helps: whenever `act` finds one lost, `mend`
 * attaches it anew and `act` is done again. After `limit` losses a person is asked.
 */
export async function overLostDevices<T>(
  limit: number,
  act: (onFault: OnFault) => Promise<T>,
  mend: (role: Role) => Promise<void>,
): Promise<T> {
  for (let losses = 0; ; losses += 1) {
    let lost: Role | undefined;
    const onFault: OnFault = ({ code, params }) => {
      if (code !== 'DeviceLost' || losses >= limit) return 'parkOrFail';
      lost = params['role'] === 'source' ? 'source' : 'destination';
      return 'throw';
    };
    try {
      return await act(onFault);
    } catch (error) {
      // Also a copy that a person rolls back ends with the code of what was parked.
      if (lost === undefined) throw error;
      await mend(lost);
    }
  }
}
