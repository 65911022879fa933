import type { Client } from '@temporalio/client';
import { DrayError, isWithoutTemporal } from '../../contract/errors.ts';
import { describeFailure } from '../failure.ts';
import {
  connectClient,
  reasonOf,
  temporalSettings,
  unreachable,
} from '../../system/config/temporal.ts';
import type { Config } from '../../system/config/schema.ts';

/**
 * Does the work with a connected client and closes it.
 * @throws TemporalUnreachable, TemporalUntrusted, TemporalDenied
 */
export async function withClient<T>(
  config: Config,
  work: (client: Client) => Promise<T>,
): Promise<T> {
  const client = await connectClient(config);
  try {
    return await work(client);
  } catch (error) {
    const { code } = describeFailure(error);
    if (error instanceof DrayError || !isWithoutTemporal(code)) throw error;
    const { address } = temporalSettings(config).connection;
    if (code !== 'TemporalDenied') throw unreachable(address, error);
    throw new DrayError(code, { address, because: reasonOf(error) }, { cause: error });
  } finally {
    await client.connection.close();
  }
}
