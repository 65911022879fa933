import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { verifyWorkflowId } from '../../contract/ids.ts';
import type { CertifiedBytes, VerifyInput, VerifyReport } from '../../contract/verify.ts';
import { WORKFLOW_QUEUE } from '../../contract/queues.ts';
import { WORKFLOWS } from '../../contract/workflows.ts';
import { MerkleTree } from '../../copy/merkle.ts';
import { type Drayage, HOST, LIMITS, MIB } from './drayage.ts';
import { type Ending, WorkflowRun } from './workflow-run.ts';

/** One comparison of a rig, seen from outside. */
class VerifyRun extends WorkflowRun {
  protected conclude(result: unknown): Ending {
    const { equal, differing } = result as VerifyReport;
    const places = differing.map(({ offset, length }) => `${length / MIB} MiB at ${offset / MIB}`);
    return { outcome: equal ? 'equal' : `different: ${places.join(', ')}`, message: '' };
  }
}

/** What a certificate of the destination, as it is now, says. */
async function certify(rig: Drayage): Promise<CertifiedBytes> {
  const bytes = await readFile(rig.volumeFile('destination'));
  const digests: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += MIB) {
    digests.push(
      createHash('sha256')
        .update(bytes.subarray(at, at + MIB))
        .digest(),
    );
  }
  const digestsRoot = new MerkleTree(digests).root;
  const signer = { keyId: '0'.repeat(16), isOwn: true };
  return { bytesTotal: bytes.length, chunkBytes: MIB, digestsRoot, signer };
}

/** Compares the destination with the source, or with a certificate of itself. */
export async function startVerify(
  rig: Drayage,
  against: 'source' | 'certificate',
): Promise<VerifyRun> {
  const destination = rig.volume('destination');
  const other =
    against === 'source' ? { source: rig.volume('source') } : { certificate: await certify(rig) };
  const limits = { ...LIMITS, ...rig.options.limits };
  const input: VerifyInput = { ...other, destination, host: HOST, limits };
  const handle = await rig.client.workflow.start(WORKFLOWS.verifyVolumes, {
    workflowId: verifyWorkflowId(destination),
    taskQueue: WORKFLOW_QUEUE,
    args: [input],
  });
  return new VerifyRun(rig, handle);
}
