import { execa } from 'execa';
import { copyWorkflowId } from '../../contract/ids.ts';
import { SOURCE, DESTINATION, type Stage } from '../stage.ts';
import { type Content, fillSource } from './contents.ts';
import { peakResident } from './resident.ts';
import { withPair } from './storages.ts';

/** Resident memory of worker and copier together, in a whole `dray copy` by engine direct. */
export type Memory = {
  content: Content;
  sizeBytes: number;
  peakBytes: number;
  /** False where it was ended before the copy was. */
  isWhole: boolean;
};

const TIB = 2 ** 40;
const LIMIT_SECONDS = 60;

/** Copies for as long as it may, then cancels. Answers whether it came to the end. */
async function copyFor({ programs, configFile, client }: Stage, seconds: number): Promise<boolean> {
  const volumes = [`file:${SOURCE}`, `file:${DESTINATION}`];
  const command = [programs.dray, '--config', configFile, '--json', 'copy', ...volumes];
  const { timedOut, exitCode, stderr } = await execa(
    process.execPath,
    [...command, '--engine', 'direct'],
    {
      stdin: 'ignore',
      timeout: seconds * 1000,
      reject: false,
    },
  );
  if (exitCode === 0) return true;
  if (!timedOut) throw new Error(stderr);
  const handle = client.workflow.getHandle(copyWorkflowId({ backend: 'file', id: SOURCE }));
  await handle.cancel();
  await handle.result().catch(() => undefined);
  return false;
}

async function measure(
  stage: Stage,
  content: Content,
  sizeBytes: number,
  dataBytes: number,
): Promise<Memory> {
  return withPair(stage, { storage: 'file', content, sizeBytes }, async ({ files }) => {
    await fillSource(files.source, content, sizeBytes, dataBytes);
    let isWhole = false;
    const peakBytes = await peakResident(stage.worker.pid, async () => {
      isWhole = await copyFor(stage, LIMIT_SECONDS);
    });
    return { content, sizeBytes, peakBytes, isWhole };
  });
}

/** Of a dense volume, and of 8 TiB that hold as much data. */
export async function measureMemory(stage: Stage, dataBytes: number): Promise<Memory[]> {
  return [
    await measure(stage, 'dense', dataBytes, dataBytes),
    await measure(stage, 'sparse', 8 * TIB, dataBytes),
  ];
}
