import { createHmac } from 'node:crypto';
import { DrayError } from '../contract/errors.ts';
import type { HookEvent, HookMessage } from '../contract/hooks.ts';
import type { Hook } from '../system/config/hooks.ts';
import { count } from './metrics.ts';

/** A receiver that needs longer is taken for one that failed. */
const ANSWER_MILLISECONDS = 15_000;

/** Signed anew in each attempt, for receivers that refuse what is old. */
function signedHeaders(secret: Buffer, id: string, body: string): Record<string, string> {
  const timestamp = Math.floor(Date.now() / 1000);
  const signature = createHmac('sha256', secret).update(`${id}.${timestamp}.${body}`);
  return {
    'content-type': 'application/json',
    'webhook-id': id,
    'webhook-timestamp': String(timestamp),
    'webhook-signature': `v1,${signature.digest('base64')}`,
  };
}

/** Undefined once it has taken the message, else why not; never the URL, which may be a secret. */
async function whyRefused(hook: Hook, id: string, body: string): Promise<string | undefined> {
  try {
    const { ok, status } = await fetch(hook.url, {
      method: 'POST',
      headers: signedHeaders(hook.secret, id, body),
      body,
      // What is signed for one receiver is not sent to another.
      redirect: 'manual',
      signal: AbortSignal.timeout(ANSWER_MILLISECONDS),
    });
    return ok ? undefined : `it answered ${status}`;
  } catch (error) {
    const { message, cause } = error as Error;
    return cause instanceof Error ? cause.message : message;
  }
}

/** The steps that tell others of a run. */
export function createHookActivities(hooks: readonly Hook[]) {
  return {
    /** Names of those that want to hear of such an event. */
    hooksFor(event: HookEvent): Promise<string[]> {
      const wanted = hooks.filter(({ events }) => events.includes(event));
      return Promise.resolve(wanted.map(({ name }) => name));
    },

    /** @throws HookUnknown, HookFailed */
    async callHook(input: { hook: string; id: string; message: HookMessage }): Promise<void> {
      const { id, message } = input;
      const hook = hooks.find(({ name }) => name === input.hook);
      if (hook === undefined) throw new DrayError('HookUnknown', { hook: input.hook });
      const because = await whyRefused(hook, id, JSON.stringify(message));
      const outcome = because === undefined ? 'delivered' : 'failed';
      count('drayage_webhook_calls_total', 1, { event: message.type, outcome });
      if (because !== undefined) throw new DrayError('HookFailed', { hook: hook.name, because });
    },
  };
}

export type HookActivities = ReturnType<typeof createHookActivities>;
