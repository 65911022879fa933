import { type Lack, lacksForIscsi } from '../../connectors/iscsi/availability.ts';
import { DrayError } from '../../contract/errors.ts';
import { type Finding, unneeded, well, wrong } from '../../contract/examination.ts';
import { nameWithVersion } from './tools.ts';

const CHECK = 'host.iscsi';

/** A daemon that gives no answer is as good as none, and hides no other finding. */
async function lacksNow(): Promise<Lack[]> {
  try {
    return await lacksForIscsi();
  } catch (error) {
    if (!(error instanceof DrayError)) throw error;
    return [{ sentence: error.message, mend: error.whatToDo }];
  }
}

/** Looked at anew: the connector itself remembers that it could once. */
export async function examineIscsi(isNeeded: boolean): Promise<Finding[]> {
  const lacks = await lacksNow();
  if (lacks.length === 0) {
    const daemon = await nameWithVersion('qemu-storage-daemon');
    return [well(CHECK, `iSCSI in userspace by ${daemon} and FUSE`)];
  }
  return lacks.map(({ sentence, mend }) =>
    isNeeded
      ? wrong(CHECK, `iSCSI cannot be connected: ${sentence}`, mend)
      : unneeded(CHECK, `iSCSI cannot be connected, and nothing here needs it: ${sentence}`),
  );
}
