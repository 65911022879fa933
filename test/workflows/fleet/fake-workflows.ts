import {
  ApplicationFailure,
  condition,
  defineSignal,
  setHandler,
  sleep,
  upsertSearchAttributes,
} from '@temporalio/workflow';
import type { CopyInput } from '../../../contract/copy.ts';
import { searchAttributes } from '../../../contract/search-attributes.ts';

export { fleet } from '../../../workflows/fleet.ts';

function needsDecision(value: boolean): void {
  upsertSearchAttributes([{ key: searchAttributes.needsDecision, value }]);
}

/**
 * A copy without steps. The id of its source says what becomes of it: `bad…` fails, `park…` waits
 * for a person and `slow…` for a word, which are the signal `goOn`; others are soon done.
 */
export async function copyVolume({ source }: CopyInput): Promise<string> {
  let isTold = false;
  setHandler(defineSignal('goOn'), () => void (isTold = true));
  if (source.id.startsWith('bad')) {
    throw ApplicationFailure.create({ type: 'VolumeInUse', message: 'it is in use' });
  }
  if (source.id.startsWith('park')) {
    needsDecision(true);
    await condition(() => isTold);
    needsDecision(false);
    isTold = false;
  }
  if (source.id.startsWith('slow') || source.id.startsWith('park-slow')) {
    await condition(() => isTold);
  }
  await sleep(20);
  return 'x'.repeat(1000);
}
