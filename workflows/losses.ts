import type { ErrorCode } from '../contract/errors.ts';
import type { Role } from '../contract/volume.ts';
import type { Fault } from './faults.ts';

/**
 * What a step does with a fault. `handOn`: whoever asked mends it. `parkThenHandOn`: a person is
 * asked first, and `retry` means mending it.
 */
export type OnFault = (fault: Fault) => 'park' | 'handOn' | 'parkThenHandOn';

/** What the first of two does, or the second where the first would only park. */
export function either(first: OnFault, second: OnFault): OnFault {
  return (fault) => {
    const outcome = first(fault);
    return outcome === 'park' ? second(fault) : outcome;
  };
}

/** A fault on its way to whoever mends it. */
export class HandedOn extends Error {
  constructor(readonly fault: Fault) {
    super(fault.message);
  }
}

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
  for (let losses = 0; ; losses = losses < limit ? losses + 1 : 0) {
    const isLast = losses >= limit;
    try {
      return await act(({ code }) => {
        if (!codes.includes(code)) return 'park';
        return isLast ? 'parkThenHandOn' : 'handOn';
      });
    } catch (error) {
      if (!(error instanceof HandedOn) || !codes.includes(error.fault.code)) throw error;
      await mend(error.fault);
    }
  }
}

/**
 * Differences that verify found are mended by copying those chunks again. What is ours to mend is
 * done at once, `limit` times; what somebody else has written is a person's to judge.
 */
export async function overDifferences<T>(
  limit: number,
  act: (onFault: OnFault) => Promise<T>,
  mend: () => Promise<void>,
): Promise<T> {
  return overLosses(
    ['VerifyFailed', 'CopyIncomplete'],
    limit,
    (onDamage) =>
      overLosses(
        ['SourceChanged', 'EndsDiffer'],
        0,
        (onChange) => act(either(onDamage, onChange)),
        mend,
      ),
    mend,
  );
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
