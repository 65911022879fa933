import type { Client } from '@temporalio/client';
import { describeError } from '../../../contract/errors.ts';
import { type Finding, well, wrong } from '../../../contract/examination.ts';
import { workerCommand } from '../../../contract/queues.ts';
import { servedBy } from '../pollers.ts';
import { look } from './look.ts';

/** The queue by which a worker is known to be there. */
export type QueueToExamine = {
  check: string;
  kind: 'workflow' | 'activity';
  queue: string;
  /** Where a worker would have to run. */
  where: string;
};

/** Which worker serves the queue; it is wrong if none does. */
export async function examineQueue(client: Client, asked: QueueToExamine): Promise<Finding[]> {
  const { check, kind, queue, where } = asked;
  return look(check, async () => {
    const worker = await servedBy(client, queue, kind);
    if (worker !== undefined) return well(check, `worker ${worker} asks for work on ${queue}`);
    const { message } = describeError('NoWorker', { queue });
    return wrong(check, `${message}; start one on ${where}`, workerCommand(queue));
  });
}
