import { historyFromJSON } from '@temporalio/common/lib/proto-utils.js';
import { DeterminismViolationError } from '@temporalio/workflow';
import { bundleWorkflowCode, DefaultLogger, Runtime, Worker } from '@temporalio/worker';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';

const HISTORIES = join(import.meta.dirname, '../histories');
const releases = readdirSync(HISTORIES, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map((entry) => entry.name);

let workflowBundle: { code: string };
beforeAll(async () => {
  const logger = new DefaultLogger('ERROR');
  Runtime.install({ logger });
  const workflowsPath = join(import.meta.dirname, '../../workflows/index.ts');
  workflowBundle = await bundleWorkflowCode({ workflowsPath, logger });
});

/**
 * A failure here means: copies that run now under an older version would never end after an
 * upgrade. The order of commands changed; guard the change with `patched()`.
 */
describe.each(releases)('histories of release %s', (release) => {
  const directory = join(HISTORIES, release);
  it.each(readdirSync(directory))('%s replays', async (file) => {
    const history: unknown = JSON.parse(readFileSync(join(directory, file), 'utf8'));
    await Worker.runReplayHistory({ workflowBundle }, history, `copy/${file}`);
  });
});

it('histories are added, never edited', () => {
  const sums = releases.flatMap((release) =>
    readdirSync(join(HISTORIES, release)).map((file) => {
      const bytes = readFileSync(join(HISTORIES, release, file));
      return `${createHash('sha256').update(bytes).digest('hex')}  ${release}/${file}`;
    }),
  );
  expect(sums.sort()).toEqual(
    readFileSync(join(HISTORIES, 'SHA256SUMS'), 'utf8').trim().split('\n').sort(),
  );
});

it('a history that another workflow made is refused', async () => {
  const [release] = releases;
  const file = join(HISTORIES, release!, 'finished.json');
  const text = readFileSync(file, 'utf8').replaceAll('createExport', 'removeExport');
  const replay = Worker.runReplayHistory({ workflowBundle }, JSON.parse(text), 'copy/x');
  await expect(replay).rejects.toThrow(DeterminismViolationError);
});

it('histories can be read at all: there is one protobufjs', () => {
  expect(historyFromJSON({ events: [] })).toBeDefined();
});
