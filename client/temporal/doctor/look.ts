import type { Finding } from '../../../contract/examination.ts';
import { reasonOf } from '../../../system/config/temporal.ts';

/** A look that fails, for want of a permission for example, is a finding and hides no other. */
export async function look(
  check: string,
  work: () => Promise<Finding | Finding[]>,
): Promise<Finding[]> {
  try {
    return [await work()].flat();
  } catch (error) {
    const sentence = `${check} could not be looked at: ${reasonOf(error)}`;
    return [{ check, state: 'unknown', sentence }];
  }
}
