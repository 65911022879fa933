import { CancelledFailure, type Context } from '@temporalio/activity';
import type { ActivityInboundCallsInterceptor } from '@temporalio/worker';
import { DrayError } from '../contract/errors.ts';
import { assertCurrent, type Epoch } from '../system/epoch.ts';
import { toFailure } from './failure.ts';
import { count } from './metrics.ts';

/**
 * What every step has in common: nothing runs on a superseded worker, a killed worker is noticed
 * within a heartbeat, and errors come from the catalogue.
 */
export function stepInterceptor(context: Context, epoch: Epoch): ActivityInboundCallsInterceptor {
  const beatMs = (context.info.heartbeatTimeoutMs ?? 0) / 3;
  // The data steps report progress in a rhythm of their own.
  const ownPulse = context.info.taskQueue.endsWith('/copy');
  return {
    async execute(input, next) {
      const timer =
        beatMs > 0 && !ownPulse ? setInterval(() => context.heartbeat(), beatMs) : undefined;
      try {
        assertCurrent(epoch);
        return await next(input);
      } catch (error) {
        if (error instanceof CancelledFailure) throw error;
        const failure = toFailure(error);
        const known = error instanceof DrayError ? (error as DrayError) : undefined;
        const { code = 'Unexpected', class: errorClass = 'bug' } = known ?? {};
        count('drayage_failed_steps_total', 1, { code, class: errorClass });
        const facts = known === undefined ? { error } : { code };
        context.log.warn(failure.message, facts);
        throw failure;
      } finally {
        clearInterval(timer);
      }
    },
  };
}
