import { stat } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { fileSerial } from '../../contract/attachment.ts';
import { describeBackend } from './backend-contract.ts';
import { attachmentOf, makeWorkbench, MIB, properties } from './workbench.ts';

describeBackend('file', () => ({
  config: (root) => Promise.resolve({ type: 'file', root }),
  canRevoke: false,
  end: () => Promise.resolve(),
}));

it('exports the very file, recognisable by device and inode', async () => {
  const bench = await makeWorkbench();
  const backend = await bench.open({ type: 'file', root: bench.root });
  await backend.createVolume('disk1', MIB);
  const exported = await backend.createExport(attachmentOf('disk1', 'one'), properties);
  const { dev, ino } = await stat(exported.name);
  expect(exported.serial).toBe(fileSerial(dev, ino));
  await bench.remove();
});

it('serves its own host, as configured, and no other', async () => {
  const bench = await makeWorkbench();
  const backend = await bench.open({ type: 'file', root: bench.root, host: 'host-b' });
  await backend.createVolume('disk1', MIB);
  const attachment = attachmentOf('disk1', 'one');
  await expect(backend.createExport(attachment, properties)).rejects.toThrow('host-b');
  await backend.createExport(attachment, { ...properties, host: 'host-b' });
  await bench.remove();
});
