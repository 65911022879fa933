import { Connection } from '@temporalio/client';
import { encodeSearchAttributeIndexedValueType } from '@temporalio/common/lib/search-attributes.js';
import { msToTs } from '@temporalio/common/lib/time.js';
import { searchAttributes } from '../../contract/search-attributes.ts';

/** How long ended workflows stay to be looked at. */
const RETENTION = '30 days';

/**
 * The flag of `start-dev` registers search attributes only when it creates the namespace, so this
 * asks the server itself. Registering again is a no-op.
 */
async function registerSearchAttributes(connection: Connection, namespace: string): Promise<void> {
  const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace });
  const missing = Object.values(searchAttributes).filter(({ name }) => !(name in customAttributes));
  if (missing.length === 0) return;
  const types = missing.map(({ name, type }) => [
    name,
    encodeSearchAttributeIndexedValueType(type),
  ]);
  await connection.operatorService.addSearchAttributes({
    namespace,
    searchAttributes: Object.fromEntries(types) as Record<string, number>,
  });
}

/**
 * Makes a running server ready for Drayage; doing it again changes nothing.
 * @throws Error of gRPC while the server is not up yet
 */
export async function prepareServer(address: string, namespace: string): Promise<void> {
  const connection = Connection.lazy({ address, connectTimeout: '1s' });
  try {
    await connection.ensureConnected();
    await connection.withDeadline(Date.now() + 10_000, async () => {
      await connection.workflowService.updateNamespace({
        namespace,
        config: { workflowExecutionRetentionTtl: msToTs(RETENTION) },
      });
      await registerSearchAttributes(connection, namespace);
    });
  } finally {
    await connection.close();
  }
}
