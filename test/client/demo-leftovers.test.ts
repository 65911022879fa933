import { execa } from 'execa';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, open, realpath, rm, rmdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { groupName } from '../../client/demo/leftovers/cgroups.ts';
import { lookOnce, type Scene } from '../../client/demo/leftovers/look.ts';
import { sweep } from '../../client/demo/sweep.ts';
import { randomControlPort, startTgtd, tgtadm } from '../rig/tgtd.ts';

let scene: Scene;
/** Takes back what a test has planted, also after it failed. */
let undo: (() => unknown)[];

beforeEach(async () => {
  const directory = await mkdtemp(join(await realpath(tmpdir()), 'dray-left-'));
  const [stateDir, root] = [join(directory, 'state'), join(directory, 'storage')];
  await mkdir(stateDir);
  await mkdir(root);
  const [source, destination] = ['source', 'copy'].map((id) => ({ backend: 'file', id }));
  scene = {
    directory,
    stateDir,
    root,
    storage: 'file',
    controlPort: randomControlPort(),
    source: source!,
    destination: destination!,
  };
  undo = [];
});

afterEach(async () => {
  for (const act of undo.toReversed()) await act();
  await sweep(scene);
  await rm(scene.directory, { recursive: true, force: true });
});

/** Without a terminal and in a session of its own, as everything that Drayage starts. */
async function plant(argv: [string, ...string[]], stdout: number | 'ignore' = 'ignore') {
  const child: ChildProcess = spawn(argv[0], argv.slice(1), {
    detached: true,
    cwd: '/',
    stdio: ['pipe', stdout, 'ignore'],
  });
  await once(child, 'spawn');
  undo.push(() => child.kill('SIGKILL'));
  return child;
}

/** The first look that finds anything, once the planted program has become what it is to be. */
const found = () => expect.poll(() => lookOnce(scene, undefined), { timeout: 10_000 });

test('an empty world has no leftovers', async () => {
  expect(await lookOnce(scene, undefined)).toEqual([]);
});

test.each([
  ['export', () => join(scene.root, 'exports')],
  ['reservation', () => join(scene.root, 'reservations')],
  ['claim', () => join(scene.stateDir, 'claims')],
  ['attachment', () => join(scene.stateDir, 'attachments')],
  ['copier', () => join(scene.stateDir, 'copiers')],
])('a record of kind %s is reported', async (what, place) => {
  await mkdir(place());
  await writeFile(join(place(), 'one.json'), '{}');
  expect(await lookOnce(scene, undefined)).toEqual([`${what} ${join(place(), 'one.json')}`]);
});

test('a temporary file is reported wherever it lies', async () => {
  const path = join(scene.stateDir, 'deep');
  await mkdir(path);
  await writeFile(join(path, 'epoch.1.tmp'), '');
  expect(await lookOnce(scene, undefined)).toEqual([`temporary file ${path}/epoch.1.tmp`]);
});

test('a process that mentions the directory is reported, unless it is meant to live', async () => {
  const { pid } = await plant(['tail', '-f', '--', '/dev/null', join(scene.directory, 'none')]);
  await found().toEqual([`process ${pid} (tail) mentions ${scene.directory}`]);
  expect(await lookOnce(scene, new Set([pid!]))).toEqual([]);
});

test('a dd that was given descriptors and no paths is reported, and swept away', async () => {
  const path = join(scene.root, 'raw');
  const file = await open(path, 'w');
  // It waits for its standard input.
  const { pid } = await plant(['dd', 'status=none'], file.fd);
  await file.close();
  await found().toEqual([`process ${pid} (dd) has ${path} open`]);
  await sweep(scene);
  expect(await lookOnce(scene, undefined)).toEqual([]);
});

test('a lock is reported with its holder', async () => {
  const path = join(scene.stateDir, 'lock');
  await writeFile(path, '');
  const { pid } = await plant(['flock', '-F', path, 'sleep', '60']);
  await found().toContain(`FLOCK lock of process ${pid} on ${path}`);
});

test('a mount is reported, and swept away', async () => {
  const point = join(scene.stateDir, 'device with blank');
  await mkdir(point);
  await execa('mount', ['-t', 'tmpfs', 'none', point]);
  undo.push(() => execa('umount', [point], { reject: false }));
  expect(await lookOnce(scene, undefined)).toEqual([`mount ${point}`]);
  await sweep(scene);
  expect(await lookOnce(scene, undefined)).toEqual([]);
});

test('a loop device is reported, and swept away', async () => {
  const path = join(scene.root, 'raw');
  await writeFile(path, Buffer.alloc(1 << 20));
  const { stdout: device } = await execa('losetup', ['--find', '--show', path]);
  undo.push(() => execa('losetup', ['--detach', device], { reject: false }));
  expect(await lookOnce(scene, undefined)).toContain(`loop device ${device}`);
  await sweep(scene);
  await found().toEqual([]);
});

test('a cgroup of a copier is reported, and swept away', async () => {
  const group = join('/sys/fs/cgroup/blkio', groupName(scene.stateDir, scene.destination));
  await mkdir(group);
  undo.push(() => rmdir(group).catch(() => undefined));
  expect(await lookOnce(scene, undefined)).toEqual([`cgroup ${group}`]);
  await sweep(scene);
  expect(await lookOnce(scene, undefined)).toEqual([]);
});

test('target, session and account of a living tgtd are reported, then the tgtd itself', async () => {
  const tgtd = await startTgtd();
  undo.push(() => tgtd.stop());
  const { controlPort, portal, pid } = tgtd;
  scene = { ...scene, storage: 'iscsi', controlPort };
  const alive = new Set([pid]);
  expect(await lookOnce(scene, alive)).toEqual([]);
  const iqn = 'iqn.2026-11.io.drayage:left';
  const raw = join(scene.root, 'raw');
  await writeFile(raw, Buffer.alloc(1 << 20));
  const target = ['--mode', 'target', '--tid', '1'];
  await tgtadm(controlPort, ...target, '--op', 'new', '--targetname', iqn);
  const unit = ['--mode', 'logicalunit', '--tid', '1', '--lun', '1'];
  await tgtadm(controlPort, ...unit, '--op', 'new', '--backing-store', raw);
  await tgtadm(controlPort, ...target, '--op', 'bind', '--initiator-address', 'ALL');
  const account = ['--mode', 'account', '--op', 'new', '--user', 'left'];
  await tgtadm(controlPort, ...account, '--password', 'leftleftleft');
  expect(await lookOnce(scene, alive)).toEqual([`target ${iqn}`, 'account left']);

  const node = { driver: 'iscsi', 'node-name': 'n', transport: 'tcp', portal, target: iqn, lun: 1 };
  await plant(['qemu-storage-daemon', '--blockdev', JSON.stringify(node)]);
  await expect
    .poll(() => lookOnce(scene, alive), { timeout: 10_000 })
    .toContainEqual(expect.stringMatching(`^session of iqn\\.\\S+ at ${iqn}$`));

  const sockets = [`socket /var/run/tgtd/socket.${controlPort}`];
  const after = await lookOnce(scene, undefined);
  expect(after).toEqual(expect.arrayContaining(sockets));
  expect(after).toContainEqual(expect.stringMatching(`^process ${pid} \\(tgtd\\)`));
});
