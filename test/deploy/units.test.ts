import { execa } from 'execa';
import { copyFile, cp, mkdir, mkdtemp, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { compileInto } from '../../scripts/compile-into.ts';
import { createKey, formatKey, importKey } from '../../system/config/keys.ts';
import { dray } from '../rig/dray.ts';
import { until } from '../rig/poll.ts';
import { fixedPort } from '../rig/ports.ts';
import { EMPTY_TARGETS, Systemd } from '../rig/systemd.ts';
import { startTemporal, type TestTemporal } from '../rig/temporal.ts';
import { randomControlPort } from '../rig/tgtd.ts';

const DEPLOY = join(import.meta.dirname, '../../deploy');
const UNITS = join(DEPLOY, 'systemd');
const MIB = 2 ** 20;
/** At 8 MiB/s it takes longer than everything that is done meanwhile. */
const BYTES = 160 * MIB;

let directory: string;
let server: TestTemporal;
let systemd: Systemd;
let env: Record<string, string>;
/** What set-up has made by then, the last first. */
const undo: (() => Promise<unknown>)[] = [];

const at = (...names: string[]): string => join(directory, ...names);

/** The program under test in place of the installed one, and a log where there is no journal. */
const dropIn = (words: string, config: string, log: string): string => `
[Service]
ExecStart=
ExecStart=${process.execPath} /opt/dist/client/main.js ${words}
Environment=DRAY_CONFIG=/srv/${config}.yaml
StandardOutput=append:/srv/${log}.log
StandardError=append:/srv/${log}.log
`;

async function addUnit(name: string, shipped: string, dropIns: Record<string, string>) {
  await copyFile(join(UNITS, `${shipped}.service`), at('units', `${name}.service`));
  await mkdir(at('units', `${name}.service.d`));
  for (const [file, text] of Object.entries(dropIns)) {
    await writeFile(at('units', `${name}.service.d`, `${file}.conf`), text);
  }
}

/** `san` is driven by a worker of its own, which is root. */
async function configure(): Promise<void> {
  const portal = `127.0.0.1:${await fixedPort()}`;
  const controlPort = randomControlPort();
  const temporal = { address: server.address };
  const retry = { retryInitialSeconds: 0.5, retryMaximumSeconds: 1 };
  const limits = { heartbeatSeconds: 3, ...retry };
  const disks = { type: 'file', root: '/srv/drayage/disks' };
  const root = '/srv/drayage-san';
  const san = { type: 'tgt', root, portal, controlPort, managed: true };
  const settings = {
    host: { host: 'mover1', temporal, limits, backends: { disks } },
    san: { host: 'san1', temporal, limits, backends: { san } },
    desk: { host: 'desk', temporal, limits, stateDir: at('desk') },
  };
  for (const [name, config] of Object.entries(settings)) {
    await writeFile(at('srv', `${name}.yaml`), JSON.stringify(config), { mode: 0o644 });
  }
  env = { DRAY_CONFIG: at('srv/desk.yaml') };
}

/** As docs/deployment.md has it done on a host. */
async function install(): Promise<void> {
  await compileInto(at('opt'));
  // What stands below the checkout is out of sight for a worker without /tmp and /home.
  await rm(at('opt/node_modules'));
  await mkdir(at('opt/node_modules'));
  for (const file of ['passwd', 'group']) await copyFile(`/etc/${file}`, at('etc', file));
  const sysusers = join(DEPLOY, 'sysusers.d/drayage.conf');
  await execa('systemd-sysusers', [`--root=${directory}`, sysusers]);
  const key = await createKey(at('lib/drayage/keys'));
  await importKey(at('lib/drayage-control-san/keys'), formatKey(key));
  await addUnit('dray-mover', 'dray-mover', {
    test: dropIn('worker --role mover', 'host', 'mover'),
  });
  await addUnit('dray-control', 'dray-control', {
    test: dropIn('worker --role control', 'host', 'control'),
  });
  const archive = dropIn('archive /var/lib/drayage-archive', 'host', 'archive');
  await addUnit('dray-archive', 'dray-archive', { test: archive });
  const own = '[Service]\nEnvironment=DRAY_STATE_DIR=/var/lib/drayage-control-san\n';
  await addUnit('dray-control-san', 'dray-control', {
    tgt: await readFile(join(UNITS, 'tgt.conf'), 'utf8'),
    own: `${own}StateDirectory=drayage-control-san\nReadWritePaths=/srv/drayage-san\n`,
    test: dropIn('worker --role control', 'san', 'san'),
  });
  for (const target of EMPTY_TARGETS) await writeFile(at('units', `${target}.target`), '[Unit]\n');
}

const logOf = (name: string): Promise<string> =>
  readFile(at('srv', `${name}.log`), 'utf8').catch(() => '');

/** Returns when it polls, as often as that was before and once more. */
async function ready(name: string, times = 1): Promise<void> {
  await until(
    `${name} is ready`,
    async () => (await logOf(name)).split('"worker ready"').length > times,
  ).catch(async (error: unknown) => {
    throw new Error(await logOf(name), { cause: error });
  });
}

beforeAll(async () => {
  directory = await realpath(await mkdtemp(join(tmpdir(), 'dray-units-')));
  undo.unshift(() => rm(directory, { recursive: true }));
  const names = ['opt', 'units', 'srv/drayage-san', 'srv/drayage/disks/volumes'];
  for (const name of ['etc', 'lib/drayage/keys', 'lib/drayage-control-san/keys', ...names]) {
    await mkdir(at(name), { recursive: true });
  }
  server = await startTemporal();
  undo.unshift(() => server.stop());
  await Promise.all([configure(), install()]);
  const modules = await realpath(join(DEPLOY, '../node_modules'));
  await writeFile(at('srv/drayage/disks/volumes/a.raw'), randomBytes(BYTES));
  systemd = await Systemd.start(at('units'), [
    [at('opt'), '/opt'],
    [modules, '/opt/node_modules'],
    [at('srv'), '/srv'],
    [at('lib'), '/var/lib'],
    [at('etc/passwd'), '/etc/passwd'],
    [at('etc/group'), '/etc/group'],
  ]);
  undo.unshift(() => systemd.stop());
  await systemd.run('chown', '-R', 'drayage:drayage', '/srv/drayage');
}, 120_000);

afterAll(async () => {
  for (const act of undo) await act();
});

it('systemd finds nothing wrong with the units, and little that could be closed yet', async () => {
  for (const [name, most] of [
    ['dray-control', 20],
    ['dray-mover', 50],
    ['dray-archive', 20],
  ] as const) {
    const unit = await readFile(join(UNITS, `${name}.service`), 'utf8');
    // The program need not be installed here.
    await writeFile(at(`${name}.service`), unit.replace('ExecStart=dray', 'ExecStart=/bin/true'));
    const verified = await execa('systemd-analyze', ['verify', at(`${name}.service`)]);
    expect(verified.stderr).toBe('');
    const threshold = ['security', '--offline=true', `--threshold=${most}`];
    await execa('systemd-analyze', [...threshold, at(`${name}.service`)]);
  }
  await copyFile(join(UNITS, 'dray-archive.timer'), at('dray-archive.timer'));
  const timer = await execa('systemd-analyze', ['verify', at('dray-archive.timer')]);
  expect(timer.stderr).toBe('');
});

it('a mover that is restarted in mid-copy keeps the device, and tgtd outlives its worker', async () => {
  const units = ['dray-mover', 'dray-control', 'dray-control-san'];
  await systemd.control('start', ...units);
  for (const log of ['mover', 'control', 'san']) await ready(log);
  const user = await systemd.run('ps', '-C', 'node', '-o', 'user=');
  expect(user.stdout.split('\n').filter((name) => name === 'drayage')).toHaveLength(2);

  const made = await dray(['volume', 'create', 'san:b', `${BYTES / MIB}MiB`], env);
  expect(made.status, made.stderr).toBe(0);
  const limited = ['--host', 'mover1', '--limit', '8MiB/s', '--verify', 'full', '--detach'];
  const started = await dray(['copy', 'disks:a', 'san:b', ...limited], env);
  expect(started.status, started.stderr).toBe(0);
  const flushed = async (): Promise<number> => {
    const { stdout } = await dray(['show', 'disks:a', '--json'], env);
    return Number(/"bytesFlushed": (\d+)/.exec(stdout)?.[1] ?? 0);
  };
  const before = await until('a part is copied', async () => {
    const bytes = await flushed();
    return bytes > 16 * MIB && bytes;
  });

  const daemons = await systemd.pids('^qemu-storage-daemon');
  expect(daemons).toHaveLength(1);
  const main = await systemd.property('dray-mover', 'MainPID');
  const mounts = await systemd.run('readlink', '/proc/1/ns/mnt', `/proc/${main}/ns/mnt`);
  expect(new Set(mounts.stdout.split('\n')).size, 'one mount namespace').toBe(1);
  const copier = await systemd.pids('lanes/main');
  expect(copier).not.toEqual([]);
  await systemd.control('restart', 'dray-mover');
  await ready('mover', 2);
  expect(await systemd.property('dray-mover', 'MainPID')).not.toBe(main);
  expect(await systemd.pids('^qemu-storage-daemon')).toEqual(daemons);
  const now = await systemd.pids('lanes/main');
  expect(
    copier.filter((pid) => now.includes(pid)),
    'copiers of the old worker',
  ).toEqual([]);

  // As a crash, of all that systemd knows as the unit's own process.
  await until('it copies again', async () => (await flushed()) > before);
  await systemd.control('kill', '--kill-whom=main', '--signal=SIGKILL', 'dray-mover');
  await ready('mover', 3);
  expect(await systemd.pids('^qemu-storage-daemon')).toEqual(daemons);

  const tgtd = await systemd.pids('^tgtd');
  expect(tgtd).toHaveLength(1);
  await systemd.control('restart', 'dray-control-san', 'dray-control');
  for (const log of ['control', 'san']) await ready(log, 2);
  expect(await systemd.pids('^tgtd')).toEqual(tgtd);
  const off = await dray(['throttle', 'disks:a', 'off'], env);
  expect(off.status, off.stderr).toBe(0);
  const watched = await dray(['watch', 'disks:a'], env);
  expect(watched.status, watched.stdout + watched.stderr).toBe(0);
  const volumes = ['/srv/drayage/disks/volumes/a.raw', '/srv/drayage-san/volumes/b.raw'];
  expect((await systemd.run('cmp', ...volumes)).all).toBe('');
  expect(await systemd.pids('^qemu-storage-daemon')).toEqual([]);

  await systemd.control('start', 'dray-archive');
  const listed = await systemd.run('sh', '-c', 'stat -c "%U %a %n" /var/lib/drayage-archive/*');
  expect(listed.stdout).toMatch(/^drayage 640 \S+\/copy\.disks\.a\.[0-9a-f-]+\.json$/);

  await systemd.control('stop', ...units);
  for (const unit of units) expect(await systemd.property(unit, 'Result')).toBe('success');
  expect(await systemd.pids('dist/worker.js')).toEqual([]);
  expect(await systemd.pids('^tgtd'), 'it exported nothing').toEqual([]);
});

it('a worker that another one has taken over from is not started again', async () => {
  await systemd.control('start', 'dray-mover');
  await ready('mover', 4);
  const command = [process.execPath, '/opt/dist/worker.js', '--config', '/srv/host.yaml'];
  const role = ['--role', 'mover'];
  const other = systemd.run('env', 'DRAY_STATE_DIR=/var/lib/drayage', ...command, ...role);
  await until('it has ended', async () => {
    return (await systemd.property('dray-mover', 'ActiveState')) === 'failed';
  });
  expect(await systemd.property('dray-mover', 'ExecMainStatus')).toBe('9');
  expect(await systemd.property('dray-mover', 'NRestarts')).toBe('0');
  const [pid = ''] = await systemd.pids('^.*node /opt/dist/worker.js');
  await systemd.run('kill', pid);
  expect((await other).exitCode, (await other).all).toBe(0);
});

it('directories are the workers’ own, and settings are not for everybody', async () => {
  await mkdir(at('root/etc'), { recursive: true });
  for (const file of ['passwd', 'group']) await copyFile(at('etc', file), at('root/etc', file));
  await mkdir(at('root/etc/drayage'));
  await writeFile(at('root/etc/drayage/config.yaml'), '', { mode: 0o644 });
  await cp(join(DEPLOY, 'tmpfiles.d'), at('root/etc/tmpfiles.d'), { recursive: true });
  await execa('systemd-tmpfiles', [`--root=${at('root')}`, '--create', 'drayage.conf']);
  const paths = ['etc/drayage', 'etc/drayage/config.yaml', 'srv/drayage'];
  const { stdout } = await execa('stat', ['-c', '%a', ...paths.map((path) => at('root', path))]);
  expect(stdout.split('\n')).toEqual(['750', '640', '750']);
});
