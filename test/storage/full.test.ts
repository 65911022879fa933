import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { runToolOrThrow } from '../../system/run.ts';
import { startTgtd } from '../rig/tgtd.ts';
import { inquire } from './tgt/initiator.ts';
import { attach } from './tgt/tgt-bench.ts';
import { attachmentOf, makeWorkbench, MIB, properties } from './workbench.ts';

it('a file system without room leaves nothing of a volume and keeps the others', async () => {
  const bench = await makeWorkbench();
  await mkdir(bench.root);
  await runToolOrThrow('mount', ['-t', 'tmpfs', '-o', 'nr_inodes=20,size=1m', 'none', bench.root]);
  try {
    const backend = await bench.open({ type: 'file', root: bench.root });
    await backend.createVolume('first', MIB);
    const volumes = join(bench.root, 'volumes');
    const before = await readdir(volumes);
    const fillers: string[] = [];
    const full = { code: 'StorageFull', class: 'operator' };
    await expect(
      (async () => {
        for (;;) {
          const filler = join(bench.root, `filler${fillers.length}`);
          await writeFile(filler, '');
          fillers.push(filler);
        }
      })(),
    ).rejects.toThrow('ENOSPC');
    // No room for the raw file, then for that alone but not for its metadata, then for both.
    await expect(backend.createVolume('second', MIB)).rejects.toMatchObject(full);
    expect(await readdir(volumes)).toEqual(before);
    await expect(
      backend.createExport(attachmentOf('first', 'one'), properties),
    ).rejects.toMatchObject(full);
    expect(await backend.listReservations()).toEqual([]);
    await rm(fillers.pop()!);
    await expect(backend.createVolume('second', MIB)).rejects.toMatchObject(full);
    expect(await readdir(volumes)).toEqual(before);
    await rm(fillers.pop()!);
    await backend.createVolume('second', MIB);
    expect((await backend.listVolumes()).map((volume) => volume.id)).toEqual(['first', 'second']);
  } finally {
    await runToolOrThrow('umount', [bench.root]);
    await bench.remove();
  }
});

it('a full file system keeps nobody from taking an export back', async () => {
  const tgtd = await startTgtd();
  const bench = await makeWorkbench();
  await mkdir(bench.root);
  await runToolOrThrow('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'none', bench.root]);
  try {
    const { portal, controlPort } = tgtd;
    const place = { portal, controlPort, root: bench.root };
    const backend = await bench.open({ type: 'tgt', managed: false, devices: {}, ...place });
    const { attachment, data } = await attach(backend, 'disk1');
    await expect(writeFile(join(bench.root, 'filler'), Buffer.alloc(2 * MIB))).rejects.toThrow(
      'ENOSPC',
    );
    expect(await backend.terminateConnection(attachment, properties, false)).toBe('done');
    expect((await inquire(data)).status).not.toBe(0);
    expect(await backend.removeExport(attachment)).toBe('done');
    expect(await readdir(join(bench.root, 'exports'))).toEqual([]);
    await backend.close();
  } finally {
    await tgtd.stop();
    await runToolOrThrow('umount', [bench.root]);
    await bench.remove();
  }
});

it('a root that cannot be made is reported with its path', async () => {
  const bench = await makeWorkbench();
  await writeFile(bench.root, 'a file');
  const opened = bench.open({ type: 'file', root: join(bench.root, 'below') });
  await expect(opened).rejects.toMatchObject({ code: 'StateUnwritable' });
  await expect(opened).rejects.toThrow(bench.root);
  await bench.remove();
});
