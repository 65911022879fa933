import type { ErrorCode } from '../contract/errors.ts';
import type { Role } from '../contract/volume.ts';
import type { Fault } from './faults.ts';

/** Tells a step which faults it hands on instead of parking them. */
export type OnFault = (fault: Fault) => 'parkOrFail' | 'throw';

/** Whose loss no retry of the step that finds it can mend. */
const LOSSES = {
  device: ['DeviceLost'],
  export: ['ExportLost', 'NotExported'],
} satisfies Record<string, ErrorCode[]>;

/**
 * Whenever `act` finds what it needs lost, `mend` prepares for making it anew and `act` is done
 * again. After `limit` losses a person is asked.
 */
async function overLosses<T>(
  codes: readonly string[],
  limit: number,
  act: (onFault: OnFault) => Promise<T>,
  mend: (fault: Fault) => Promise<void>,
): Promise<T> {
  for (let losses = 0; ; losses += 1) {
    let lost: Fault | undefined;
    const onFault: OnFault = (fault) => {
      if (!codes.includes(fault.code) || losses >= limit) return 'parkOrFail';
      lost = fault;
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

/** A dead device answers nothing for ever: `mend` takes it away or attaches it anew. */
export async function overLostDevices<T>(
  limit: number,
  act: (onFault: OnFault) => Promise<T>,
  mend: (role: Role) => Promise<void>,
): Promise<T> {
  return overLosses(LOSSES.device, limit, act, ({ params }) =>
    mend(params['role'] === 'source' ? 'source' : 'destination'),
  );
}

/** An export can be gone: a reset comes back to a step whose volume was released since. */
export async function overLostExports<T>(
  limit: number,
  act: (onFault: OnFault) => Promise<T>,
): Promise<T> {
  return overLosses(LOSSES.export, limit, act, () => Promise.resolve());
}
