import { mkdir, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { dirname } from 'node:path';
import { expect, it } from 'vitest';
import { managementSocket } from '../../../storage/tgt/management-socket.ts';
import { Tgtadm } from '../../../storage/tgt/tgtadm.ts';
import { freeControlPort } from '../../../client/demo/ports.ts';

it('a tgtd that hangs up instead of answering is away, and not without targets', async () => {
  const controlPort = freeControlPort();
  const path = managementSocket(controlPort);
  await mkdir(dirname(path), { recursive: true });
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () => socket.end());
  }).listen(path);
  await once(server, 'listening');
  try {
    const context = { epoch: { number: 0, file: '/nonexistent', hostId: 'test' } };
    const tgt = new Tgtadm('san', controlPort, context);
    const away = { code: 'BackendUnavailable', class: 'retry' };
    await expect(tgt.targets()).rejects.toMatchObject(away);
    const remove = ['--mode', 'target', '--op', 'delete', '--tid', '1'];
    await expect(tgt.change(remove, /can't find/)).rejects.toMatchObject(away);
  } finally {
    server.close();
    await rm(path, { force: true });
  }
});
