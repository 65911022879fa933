import type { Client } from '@temporalio/client';
import { askRelease, ownerLives, startRelease } from '../activities/owners.ts';
import type { Attachment } from '../contract/attachment.ts';
import { releaseWorkflowId } from '../contract/ids.ts';
import type { TimeLimits } from '../contract/limits.ts';
import { formatVolume } from '../contract/volume.ts';
import type { Log } from '../system/log.ts';

export type ReleaseWatch = {
  client: Client;
  limits: TimeLimits;
  log: Log;
  /** Gives up what is no longer this host's. */
  giveUp: () => Promise<void>;
  /** What this worker's host and backends have written down. */
  listAttachments: () => Promise<Attachment[]>;
};

async function release({ client, limits, log }: ReleaseWatch, attachment: Attachment) {
  // A person decided so, and is not asked at once.
  if ((await askRelease(client, attachment.id)) === 'held') return;
  if (!(await startRelease(client, attachment, limits))) return;
  log.warn('releasing what an ended workflow still holds', {
    workflowId: releaseWorkflowId(attachment.id),
    owner: attachment.owner.workflowId,
    volume: formatVolume(attachment.volume),
  });
}

/** Compares what is written down with what runs, and starts `release/…` for what has no owner. */
async function releaseOrphans(watch: ReleaseWatch): Promise<void> {
  await watch.giveUp();
  for (const attachment of await watch.listAttachments()) {
    try {
      const { namespace } = attachment.owner;
      if (namespace !== watch.client.options.namespace) {
        // Its workflow cannot be asked from here, so nobody knows that it has ended.
        watch.log.warn('a claim is of another namespace', { attachment: attachment.id, namespace });
        continue;
      }
      if (!(await ownerLives(watch.client, attachment.owner))) await release(watch, attachment);
    } catch (error) {
      // One attachment that cannot be judged now must not keep the others from being released.
      watch.log.error('a claim could not be checked', { attachment: attachment.id, error });
    }
  }
}

/** How often what is written down is compared with what runs. */
const WATCH_SECONDS = 20;

/** Looks at once and then again and again; the answer ends it and waits for a look in progress. */
export function watchReleases(watch: ReleaseWatch): () => Promise<void> {
  let looking: Promise<void> | undefined;
  const look = (): void => {
    // A line that was cut must not hold up the looks that come after it is back.
    const deadline = Date.now() + WATCH_SECONDS * 1000;
    looking ??= watch.client
      .withDeadline(deadline, () => releaseOrphans(watch))
      .catch((error: unknown) => watch.log.error('claims could not be compared', { error }))
      .finally(() => (looking = undefined));
  };
  look();
  const timer = setInterval(look, WATCH_SECONDS * 1000);
  return async () => {
    clearInterval(timer);
    await looking;
  };
}
