import type { Client } from '@temporalio/client';
import { expect, it } from 'vitest';
import { DEFAULT_LIMITS } from '../../contract/limits.ts';
import { watchReleases } from '../../worker/release-watch.ts';
import { attachmentOf } from '../storage/workbench.ts';

it('what a workflow of another namespace holds is left alone, and said', async () => {
  const warnings: string[] = [];
  const quiet = (): void => undefined;
  const log = { debug: quiet, info: quiet, error: quiet };
  // A question to Temporal would fail here: it has no answer about another namespace.
  const client = { options: { namespace: 'not-the-owner' } } as unknown as Client;
  const end = watchReleases({
    client,
    limits: DEFAULT_LIMITS,
    log: { ...log, warn: (message) => void warnings.push(message) },
    listAttachments: () => Promise.resolve([attachmentOf('disk1', 'one')]),
  });
  await end();
  expect(warnings).toEqual(['a claim is of another namespace']);
});
