import { text } from 'node:stream/consumers';
import { iscsiConnector, type IscsiContext } from '../../connectors/iscsi/connector.ts';
import type { Attachment, ConnectionInfo } from '../../contract/attachment.ts';

// A worker for a test to kill: says that it begins, connects, and stays.
const { context, attachment, info } = JSON.parse(await text(process.stdin)) as {
  context: IscsiContext;
  attachment: Attachment;
  info: ConnectionInfo;
};
process.stdout.write('connecting\n');
await iscsiConnector(context).connectVolume(attachment, info);
setTimeout(() => undefined, 60_000);
