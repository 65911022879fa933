import { iscsiConnector } from '../../connectors/iscsi/connector.ts';
import { connectorContract } from './connector-contract.ts';
import { leftovers, MIB, testHost } from './fixtures.ts';
import { readdir } from 'node:fs/promises';
import { startIscsiTarget } from './iscsi-target.ts';

const SIZE = 16 * MIB;

connectorContract('iscsi', async () => {
  const host = await testHost();
  const target = await startIscsiTarget(host.root, SIZE);
  return {
    connector: iscsiConnector(host.context),
    successor: iscsiConnector(host.context),
    info: (attachment) => target.info(attachment.accessMode),
    serial: target.serial,
    sizeBytes: SIZE,
    storageFile: target.file,
    root: host.root,
    leftovers: async () => [
      ...(await leftovers(host.root)),
      ...(await readdir(host.context.attachmentsDir)),
    ],
    close: async () => {
      await target.tgtd.stop();
      await host.remove();
    },
  };
});
