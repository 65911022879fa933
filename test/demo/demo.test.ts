import { existsSync } from 'node:fs';
import { expect, test } from 'vitest';
import type { DemoResult } from '../../client/demo/result.ts';
import { dray } from '../rig/dray.ts';

/** They start three processes and pace a copy on a machine that may be busy. */
const LIMIT = 240_000;
const SIZE = 64 * 2 ** 20;

async function demo(...args: string[]): Promise<DemoResult> {
  const { status, stdout, stderr } = await dray(['demo', '--json', '--size', '64MiB', ...args]);
  expect(status, stderr).toBe(0);
  const directory = /everything is in (\S+)/.exec(stderr)?.[1];
  expect(directory).toBeDefined();
  expect(existsSync(directory!)).toBe(false);
  const result = JSON.parse(stdout) as DemoResult;
  expect(result).toMatchObject({
    status: 'completed',
    bytes: SIZE,
    identical: true,
    leftovers: [],
  });
  return result;
}

test.concurrent.each(['file', 'iscsi'])(
  'copies on %s storage and proves it',
  async (storage) => {
    const result = await demo('--storage', storage);
    expect(result).toMatchObject({
      storage,
      workflowId: `copy/${storage}:source`,
      killed: null,
      attempts: 1,
      bytesCopiedAgain: 0,
    });
  },
  LIMIT,
);

// Side by side: each is paced for people to watch, and waits for the most part.
test.concurrent.each([
  ['worker', 'iscsi', 2],
  ['copier', 'iscsi', 2],
  ['target', 'iscsi', 1],
  ['server', 'iscsi', 1],
  ['worker', 'file', 2],
  ['copier', 'file', 2],
  ['server', 'file', 1],
] as const)(
  'survives a killed %s on %s storage',
  async (kill, storage, attempts) => {
    const result = await demo('--storage', storage, '--kill', kill);
    expect(result.killed).toBe(kill);
    expect(result.attempts).toBeGreaterThanOrEqual(attempts);
    expect(result.bytesCopiedAgain).toBeLessThanOrEqual(SIZE / 8);
  },
  LIMIT,
);
