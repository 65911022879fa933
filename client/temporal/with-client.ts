import type { Client } from '@temporalio/client';
import { describeFailure } from '../failure.ts';
import { connectClient, temporalSettings, unreachable } from '../../system/config/temporal.ts';
import type { Config } from '../../system/config/schema.ts';

/** Does the work with a connected client and closes it. @throws TemporalUnreachable */
export async function withClient<T>(
  config: Config,
  work: (client: Client) => Promise<T>,
): Promise<T> {
  const client = await connectClient(config);
  try {
    return await work(client);
  } catch (error) {
    if (describeFailure(error).code !== 'TemporalUnreachable') throw error;
    throw unreachable(temporalSettings(config).connection.address, error);
  } finally {
    await client.connection.close();
  }
}
