import type { Client } from '@temporalio/client';
import { mkdir, readdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import type { CopyReport } from '../../contract/copy.ts';
import { DrayError } from '../../contract/errors.ts';
import { WORKFLOWS } from '../../contract/workflows.ts';
import { verifyCertificate } from '../../system/config/signing.ts';
import type { RunRef } from './workflow-view.ts';

/** Results that are fetched at a time. */
const AT_ONCE = 10;
const ENDED_WELL = `WorkflowType = "${WORKFLOWS.copyVolume}" AND ExecutionStatus = "Completed"`;

/** `uncertified`: copies that ended without one; `invalid`: those whose certificate is no good. */
export type Archived = {
  written: string[];
  there: number;
  uncertified: string[];
  invalid: string[];
};

type Run = Required<RunRef>;

/** One file a run, so that a later copy of the same volume takes no earlier one's place. */
const fileOf = ({ workflowId, runId }: Run): string =>
  `${workflowId.replace(/[/:]/g, '.')}.${runId}.json`;

/** Complete or not there: what a crash leaves has another name. */
async function write(path: string, document: unknown): Promise<void> {
  await writeFile(`${path}.new`, `${JSON.stringify(document, undefined, 2)}\n`, { flush: true });
  await rename(`${path}.new`, path);
}

async function archiveOne(
  client: Client,
  directory: string,
  { workflowId, runId }: Run,
): Promise<'written' | 'uncertified' | 'invalid'> {
  const report = (await client.workflow.getHandle(workflowId, runId).result()) as CopyReport;
  if (report.certificate === undefined) return 'uncertified';
  try {
    verifyCertificate(report.certificate);
  } catch (error) {
    if (error instanceof DrayError && error.code === 'CertificateInvalid') return 'invalid';
    throw error;
  }
  await write(join(directory, fileOf({ workflowId, runId })), report.certificate);
  return 'written';
}

/** What is in the directory already. @throws BadOption where there can be none */
async function namesIn(directory: string): Promise<Set<string>> {
  try {
    await mkdir(directory, { recursive: true, mode: 0o750 });
    return new Set(await readdir(directory));
  } catch (error) {
    const because = (error as Error).message;
    throw new DrayError('BadOption', { option: 'archive', because }, { cause: error });
  }
}

/**
 * Writes the certificate of every copy that Temporal still has and the directory has not, as
 * `dray report --json` prints it.
 */
export async function archive(client: Client, directory: string): Promise<Archived> {
  const names = await namesIn(directory);
  const found: Archived = { written: [], there: 0, uncertified: [], invalid: [] };
  const missing: Run[] = [];
  for await (const { workflowId, runId } of client.workflow.list({ query: ENDED_WELL })) {
    if (names.has(fileOf({ workflowId, runId }))) found.there += 1;
    else missing.push({ workflowId, runId });
  }
  await Readable.from(missing).forEach(
    async (run: Run) => {
      found[await archiveOne(client, directory, run)].push(run.workflowId);
    },
    { concurrency: AT_ONCE },
  );
  return found;
}
