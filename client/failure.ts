import {
  catalogue,
  describeError,
  DrayError,
  type ErrorDescription,
  type ErrorDetails,
  isErrorCode,
} from '../contract/errors.ts';

/** The shape of a Temporal failure; by shape, so that this file loads without Temporal's client. */
type Failure = Error & { type?: string | null; details?: unknown[]; cause?: unknown };

/** From the outermost error to the one that started it all. */
function chainOf(error: unknown): Failure[] {
  const chain: Failure[] = [];
  for (let e = error; e instanceof Error; e = e.cause) chain.push(e);
  return chain;
}

function fromOurs(error: DrayError): ErrorDescription {
  const { code, class: errorClass, message, whatToDo, params } = error;
  return { code, class: errorClass, message, whatToDo, params };
}

function fromApplication(failure: Failure): ErrorDescription {
  const code = isErrorCode(failure.type) ? failure.type : 'Unexpected';
  const details = failure.details?.[0] as Partial<ErrorDetails> | undefined;
  return {
    code,
    class: details?.class ?? catalogue[code].class,
    message: failure.message,
    whatToDo: details?.whatToDo ?? catalogue[code].whatToDo,
    params: details?.params ?? {},
  };
}

/** gRPC status codes of a server that is away: DEADLINE_EXCEEDED and UNAVAILABLE. */
const AWAY = new Set([4, 14]);
/** PERMISSION_DENIED and UNAUTHENTICATED: a key that was taken back meanwhile, for example. */
const DENIED = new Set([7, 16]);

/** Any error as an entry of the catalogue: thrown here, by a workflow, or by Temporal itself. */
export function describeFailure(error: unknown): ErrorDescription {
  const chain = chainOf(error);
  for (const failure of chain) {
    if (failure instanceof DrayError) return fromOurs(failure as DrayError);
    if (failure.name === 'ApplicationFailure') return fromApplication(failure);
    if (failure.name === 'CancelledFailure') return describeError('Cancelled', {});
    if (failure.name === 'TerminatedFailure') return describeError('Terminated', {});
    if ('code' in failure) {
      const params = { address: 'its address', because: failure.message };
      const code = failure.code as number;
      if (AWAY.has(code)) return describeError('TemporalUnreachable', params);
      if (DENIED.has(code)) return describeError('TemporalDenied', params);
    }
  }
  const because = chain[0]?.message ?? String(error);
  return describeError('Unexpected', { because });
}

/** What `--json` prints of an error. */
export function errorDocument(error: ErrorDescription): Omit<ErrorDescription, 'params'> {
  const { code, message, class: errorClass, whatToDo } = error;
  return { code, message, class: errorClass, whatToDo };
}
