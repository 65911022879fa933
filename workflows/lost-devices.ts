import type { Role } from '../contract/volume.ts';
import { type Fault, faultOf } from './faults.ts';

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
    const onFault: OnFault = (fault) =>
      fault.code === 'DeviceLost' && losses < limit ? 'throw' : 'parkOrFail';
    try {
      return await act(onFault);
    } catch (error) {
      const { code, params } = faultOf(error, '', '');
      if (code !== 'DeviceLost') throw error;
      await mend(params['role'] === 'source' ? 'source' : 'destination');
    }
  }
}
