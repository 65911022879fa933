import { type Client, WorkflowNotFoundError } from '@temporalio/client';
import { expect, it } from 'vitest';
import { DEFAULT_LIMITS } from '../../contract/limits.ts';
import { watchReleases } from '../../worker/release-watch.ts';
import { attachmentOf } from '../storage/workbench.ts';

const quiet = (): void => undefined;
const giveUp = (): Promise<void> => Promise.resolve();
const withDeadline = (_: number, act: () => unknown): unknown => act();
const log = { debug: quiet, info: quiet, warn: quiet, error: quiet };

/** A Temporal in which the owner is in this state and its release ended so long ago. */
function temporal(owner: 'RUNNING' | 'PAUSED' | 'FAILED', heldSince?: Date) {
  const started: string[] = [];
  const attachment = attachmentOf('disk1', 'one');
  const { namespace, workflowId, firstRunId } = attachment.owner;
  const ofOwner = { status: { name: owner }, raw: { workflowExecutionInfo: { firstRunId } } };
  const ofRelease = { status: { name: 'COMPLETED' }, closeTime: heldSince };
  const workflow = {
    getHandle: (id: string) => ({
      describe: () => {
        if (id === workflowId) return Promise.resolve(ofOwner);
        if (heldSince !== undefined) return Promise.resolve(ofRelease);
        return Promise.reject(new WorkflowNotFoundError('no', id, undefined));
      },
      result: () => Promise.resolve([{ what: 'device' }]),
    }),
    start: (_type: string, options: { workflowId: string }) => {
      started.push(options.workflowId);
      return Promise.resolve();
    },
  };
  const client = { options: { namespace }, workflow, withDeadline } as unknown as Client;
  return { client, started, attachment };
}

it.each([
  ['the owner runs', 'RUNNING', undefined, 0],
  ['the owner is paused', 'PAUSED', undefined, 0],
  ['the owner has ended', 'FAILED', undefined, 1],
  ['a person has just decided to leave it', 'FAILED', 60_000, 0],
  ['that was more than a day ago', 'FAILED', 25 * 3600_000, 1],
] as const)('%s', async (_, owner, heldForMs, releases) => {
  const since = heldForMs === undefined ? undefined : new Date(Date.now() - heldForMs);
  const { client, started, attachment } = temporal(owner, since);
  const listAttachments = () => Promise.resolve([attachment]);
  await watchReleases({ client, limits: DEFAULT_LIMITS, log, giveUp, listAttachments })();
  expect(started).toEqual(releases === 0 ? [] : [`release/${attachment.id}`]);
});

it('what a workflow of another namespace holds is left alone, and said', async () => {
  const warnings: string[] = [];
  // A question to Temporal would fail here: it has no answer about another namespace.
  const options = { namespace: 'not-the-owner' };
  const client = { options, withDeadline } as unknown as Client;
  const end = watchReleases({
    client,
    limits: DEFAULT_LIMITS,
    log: { ...log, warn: (message) => void warnings.push(message) },
    giveUp,
    listAttachments: () => Promise.resolve([attachmentOf('disk1', 'one')]),
  });
  await end();
  expect(warnings).toEqual(['a claim is of another namespace']);
});
