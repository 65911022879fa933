import { mkdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Backend } from '../../../storage/backend.ts';
import type { TgtBackendConfig } from '../../../system/config/schema.ts';
import { endProcess, isAlive, type ProcessId } from '../../../system/processes.ts';
import { freePort, randomControlPort, removeControlSocket, startTgtd } from '../../rig/tgtd.ts';
import { attachmentOf, makeWorkbench, MIB, properties, type Workbench } from '../workbench.ts';
import { connectLive, inquire, iscsiData, serialLine } from './initiator.ts';
import { attach } from './tgt-bench.ts';

const WITHIN = { timeout: 20_000, interval: 100 };

describe('a tgtd of the backend’s own', () => {
  let bench: Workbench;
  let config: TgtBackendConfig;
  let backend: Backend;
  const processOf = async (): Promise<ProcessId> =>
    JSON.parse(await readFile(join(bench.root, 'tgtd/process.json'), 'utf8')) as ProcessId;

  beforeEach(async () => {
    bench = await makeWorkbench();
    const portal = `127.0.0.1:${await freePort()}`;
    const controlPort = randomControlPort();
    config = { type: 'tgt', root: bench.root, portal, controlPort, managed: true, devices: {} };
    backend = await bench.open(config);
  });
  afterEach(async () => {
    await writeFile(bench.context.epoch.file, `${bench.context.epoch.number}\n`);
    for (const held of await backend.listReservations()) {
      await expect
        .poll(() => backend.terminateConnection(held, properties, true), WITHIN)
        .toMatch(/done|alreadyGone/);
      await backend.removeExport(held);
    }
    await backend.close();
    await bench.remove();
  });

  it('outlives its worker, is adopted by the next one and ends with the last export', async () => {
    const { attachment, data } = await attach(backend, 'disk1');
    const process = await processOf();
    await backend.close();
    expect(isAlive(process)).toBe(true);
    expect((await inquire(data)).status).toBe(0);
    // As if the first worker had been killed before it wrote the pid down.
    await rm(join(bench.root, 'tgtd/process.json'));
    backend = await bench.open(config);
    expect(await processOf()).toEqual(process);
    await backend.removeExport(attachment);
    await backend.close();
    expect(isAlive(process)).toBe(false);
    await expect(stat(`/var/run/tgtd/socket.${config.controlPort}`)).rejects.toThrow('ENOENT');
    backend = await bench.open(config);
    expect(await processOf()).not.toEqual(process);
  });

  it('is started again with the same exports, under a client that stays', async () => {
    const { data, exported } = await attach(backend, 'disk1');
    const client = await connectLive(bench.directory, data, false);
    expect(await client.io('write -P 1 0 4096')).toContain('wrote 4096/4096');
    const first = await processOf();
    await endProcess(first, 'SIGKILL', 10);
    expect(await client.io('write -P 2 0 4096', 40)).toContain('wrote 4096/4096');
    await client.end();
    expect(await processOf()).not.toEqual(first);
    expect((await inquire(data)).stdout.trim()).toBe(serialLine(exported.serial!));
  });

  it('may be killed at any moment of any step', async () => {
    let [running, kills] = [true, 0];
    const killer = (async () => {
      while (running) {
        await sleep(300 + Math.random() * 1500);
        await endProcess(await processOf(), 'SIGKILL', 10);
        kills += 1;
      }
    })();
    const persist = async <T>(step: () => Promise<T>): Promise<T> => {
      for (;;) {
        try {
          return await step();
        } catch (error) {
          expect(error).toMatchObject({ class: 'retry' });
          await sleep(50);
        }
      }
    };
    await backend.createVolume('disk1', MIB);
    for (let round = 0; round < 4 || kills < 3; round += 1) {
      const attachment = attachmentOf('disk1', `n${round}`);
      const exported = await persist(() => backend.createExport(attachment, properties));
      const info = await persist(() => backend.initializeConnection(attachment, properties));
      const again = await persist(() => backend.initializeConnection(attachment, properties));
      expect(again).toEqual(info);
      await expect
        .poll(async () => (await inquire(iscsiData(info))).stdout.trim(), WITHIN)
        .toBe(serialLine(exported.serial!));
      await persist(() => backend.terminateConnection(attachment, properties, true));
      await persist(() => backend.removeExport(attachment));
    }
    running = false;
    await killer;
    expect(await backend.listReservations()).toEqual([]);
  });

  it('is not started by a worker that was superseded', async () => {
    const { epoch } = bench.context;
    await writeFile(epoch.file, `${epoch.number + 1}\n`);
    const first = await processOf();
    await endProcess(first, 'SIGKILL', 10);
    await expect(bench.open(config)).rejects.toMatchObject({ code: 'WorkerSuperseded' });
    await expect.poll(() => bench.complaints.join(), WITHIN).toContain('taken over');
    expect(await processOf()).toEqual(first);
    await writeFile(epoch.file, `${epoch.number}\n`);
    await backend.close();
    backend = await bench.open(config);
  });

  it('leaves no socket where it was killed before its worker ended', async () => {
    const { epoch } = bench.context;
    // The watch must not start it again.
    await writeFile(epoch.file, `${epoch.number + 1}\n`);
    await endProcess(await processOf(), 'SIGKILL', 10);
    await expect.poll(() => bench.complaints.join(), WITHIN).toContain('taken over');
    await writeFile(epoch.file, `${epoch.number}\n`);
    await backend.close();
    await expect(stat(`/var/run/tgtd/socket.${config.controlPort}`)).rejects.toThrow('ENOENT');
    await expect(processOf()).rejects.toThrow('ENOENT');
  });

  it('may have its portal by name', async () => {
    await backend.close();
    config = { ...config, portal: `localhost:${await freePort()}` };
    backend = await bench.open(config);
    const { data } = await attach(backend, 'disk1');
    expect((await inquire(data)).status).toBe(0);
  });

  it('is named where it is not installed', async () => {
    await backend.close();
    const bin = join(bench.directory, 'bin');
    await mkdir(bin);
    await symlink('/bin/sh', join(bin, 'sh'));
    await symlink('/usr/sbin/tgtadm', join(bin, 'tgtadm'));
    vi.stubEnv('PATH', bin);
    const missing = { code: 'ToolMissing', message: expect.stringContaining('tgtd') };
    await expect(bench.open(config)).rejects.toMatchObject(missing);
    vi.unstubAllEnvs();
  });

  it('does not take a control port or a portal of somebody else', async () => {
    const other = await startTgtd();
    const { portal, controlPort } = other;
    const root = join(bench.directory, 'second');
    const context = { ...bench.context, stateRoot: join(bench.directory, 'second-state') };
    const { openBackend } = await import('../../../storage/open-backend.ts');
    const open = (ports: Pick<TgtBackendConfig, 'portal' | 'controlPort'>): Promise<void> =>
      openBackend('second', { ...config, ...ports, root }, context).open();
    const held = {
      code: 'BackendUnavailable',
      message: expect.stringContaining(`control port ${controlPort} is held by a tgtd`),
    };
    // Also where it has been called as ours would be, in a new root and in one used before.
    await expect(open({ portal, controlPort })).rejects.toMatchObject(held);
    const unused = randomControlPort();
    const unavailable = { code: 'BackendUnavailable' };
    await expect(open({ portal, controlPort: unused })).rejects.toMatchObject(unavailable);
    await expect(open({ portal, controlPort })).rejects.toMatchObject(held);
    const free = `127.0.0.1:${await freePort()}`;
    await expect(open({ portal: free, controlPort })).rejects.toMatchObject(held);
    expect(isAlive(await processOf())).toBe(true);
    await other.stop();
    await removeControlSocket(unused);
  });
});
