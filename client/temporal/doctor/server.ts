import { type Client, isGrpcServiceError } from '@temporalio/client';
import { tsToMs } from '@temporalio/common/lib/time.js';
import { type Finding, warning, well, wrong } from '../../../contract/examination.ts';
import type { Config } from '../../../system/config/schema.ts';
import { temporalSettings } from '../../../system/config/temporal.ts';
import { look } from './look.ts';
import { examineSearchAttributes } from './search-attributes.ts';
import { temporalCommand } from './temporal-command.ts';

const DAY_MILLISECONDS = 24 * 3600 * 1000;
/** With less, reports and certificates are gone before anybody has asked for them. */
const RETENTION_DAYS = 7;
/** gRPC status code. */
const NOT_FOUND = 5;

async function examineAnswer(client: Client, config: Config): Promise<Finding> {
  const asked = performance.now();
  const { serverVersion } = await client.workflowService.getSystemInfo({});
  const milliseconds = Math.ceil(performance.now() - asked);
  const { address } = temporalSettings(config).connection;
  const sentence = `Temporal ${serverVersion} answers at ${address} within ${milliseconds} ms`;
  return well('temporal.answer', sentence);
}

const renderDays = (days: number): string =>
  days === 1 ? '1 day' : `${Number(days.toFixed(1))} days`;

/** The namespace and how long it keeps what has ended. */
async function examineNamespace(client: Client, config: Config): Promise<Finding[]> {
  const { namespace } = client.options;
  try {
    const { config: kept } = await client.workflowService.describeNamespace({ namespace });
    const days = tsToMs(kept?.workflowExecutionRetentionTtl) / DAY_MILLISECONDS;
    const retention = `ended copies and their certificates are kept for ${renderDays(days)}`;
    const mend = ['operator', 'namespace', 'update', '--retention', '30d'];
    return [
      well('temporal.namespace', `namespace ${namespace} is there`),
      days >= RETENTION_DAYS
        ? well('temporal.retention', retention)
        : warning('temporal.retention', retention, temporalCommand(config, ...mend)),
    ];
  } catch (error) {
    if (!isGrpcServiceError(error) || (error.code as number) !== NOT_FOUND) throw error;
    const mend = ['operator', 'namespace', 'create', '--retention', '30d'];
    const sentence = `namespace ${namespace} does not exist`;
    return [wrong('temporal.namespace', sentence, temporalCommand(config, ...mend))];
  }
}

/** What of Temporal itself Drayage relies on. Nothing else can be asked without its namespace. */
export async function examineServer(client: Client, config: Config): Promise<Finding[]> {
  const answer = await look('temporal.answer', () => examineAnswer(client, config));
  const namespace = await look('temporal.namespace', () => examineNamespace(client, config));
  if (namespace.some(({ state }) => state === 'wrong')) return [...answer, ...namespace];
  const attributes = await look('temporal.search-attributes', () =>
    examineSearchAttributes(client, config),
  );
  return [...answer, ...namespace, ...attributes];
}
