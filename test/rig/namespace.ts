import { Connection } from '@temporalio/client';
import { msToTs } from '@temporalio/common/lib/time.js';
import { prepareServer } from '../../client/server/prepare-server.ts';
import { until } from './poll.ts';

/** A namespace of its own on a server that several tests share: nobody else's worker is in it. */
export async function makeNamespace(address: string, namespace: string): Promise<void> {
  const connection = await Connection.connect({ address });
  try {
    await connection.workflowService.registerNamespace({
      namespace,
      workflowExecutionRetentionPeriod: msToTs('1 day'),
    });
  } finally {
    await connection.close();
  }
  // The server's own cache learns of it a moment later.
  await until(`namespace ${namespace}`, () =>
    prepareServer(address, namespace).then(
      () => true,
      () => false,
    ),
  );
}
