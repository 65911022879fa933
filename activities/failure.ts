import { ApplicationFailure } from '@temporalio/activity';
import { TemporalFailure } from '@temporalio/common';
import { DrayError, type ErrorDetails } from '../contract/errors.ts';

/** An error as it travels through Temporal: its code is the failure's type. */
export function toFailure(error: unknown): Error {
  if (error instanceof TemporalFailure) return error;
  const known: DrayError =
    error instanceof DrayError
      ? (error as DrayError)
      : new DrayError('Unexpected', {
          because: error instanceof Error ? `${error.name}: ${error.message}` : String(error),
        });
  const details: ErrorDetails = {
    class: known.class,
    whatToDo: known.whatToDo,
    params: known.params,
  };
  return ApplicationFailure.create({
    type: known.code,
    message: known.message,
    nonRetryable: known.class !== 'retry',
    details: [details],
  });
}
