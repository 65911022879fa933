import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { assertUnused } from '../../connectors/device-use.ts';
import { runsWith } from '../../connectors/iscsi/command-line.ts';
import { askUnit } from '../../connectors/iscsi/identify.ts';
import { loginError, startError } from '../../connectors/iscsi/login-errors.ts';
import { askDaemon } from '../../connectors/iscsi/qmp.ts';
import { surveyConnections } from '../../connectors/iscsi/survey.ts';
import { listMounts } from '../../connectors/mounts.ts';
import { usersOf } from '../../connectors/users.ts';
import type { IscsiData } from '../../contract/attachment.ts';
import { inPlaceOf, itSurvives } from '../rig/fuzz.ts';
import { plantedDirectories, plantedFiles, plantedTools } from '../rig/planted.ts';
import { exec } from '../copy/rig.ts';

vi.mock('node:fs/promises', async (real) => {
  const { planting } = await import('../rig/planted.ts');
  return planting(await real());
});
vi.mock('../../system/run.ts', async (real) => {
  const { plantingTools } = await import('../rig/planted.ts');
  return plantingTools(await real());
});

const directory = await mkdtemp(join(tmpdir(), 'dray-fuzz-'));
const at = (name: string): string => join(directory, name);
afterAll(() => rm(directory, { recursive: true }));

const PASSWORD = 'canary-of-a-password';
const data: IscsiData = {
  target_portal: '127.0.0.1:3260',
  target_iqn: 'iqn.2026-11.io.drayage:x',
  target_lun: 1,
  auth_method: 'CHAP',
  auth_username: 'user',
  auth_password: PASSWORD,
  access_mode: 'rw',
  encrypted: false,
};

const PAGE = `Page Code:0x80
 Page Length:32 bytes
Unit Serial Number:[abcdef0123456789abcdef0123456789]
`;
const CAPACITY = `RETURNED LOGICAL BLOCK ADDRESS:16383
LOGICAL BLOCK LENGTH IN BYTES:512
P_TYPE:0 PROT_EN:0
P_I_EXPONENT:0 LOGICAL BLOCKS PER PHYSICAL BLOCK EXPONENT:0
LBPME:0 LBPRZ:0
LOWEST ALIGNED LOGICAL BLOCK ADDRESS:0
Total size:8388608
`;
const LOG = `qemu-storage-daemon: --blockdev {"driver":"iscsi"}: iSCSI: Failed to connect to LUN : \
Failed to log in to target. Status: Authentication failure(513) with ${PASSWORD}
`;

const identity = z.strictObject({ serial: z.string(), sizeBytes: z.int().min(0) });
/** Of nothing that a tool said may the password be told on. */
const discreet = z.string().refine((text) => !text.includes(PASSWORD), 'it tells the password');
const asked = (inquiry: Buffer | string, capacity: Buffer | string): Promise<unknown> => {
  plantedTools.set('iscsi-inq', () => ({ stdout: inquiry.toString() }));
  plantedTools.set('iscsi-readcapacity16', () => ({ stdout: capacity.toString() }));
  return askUnit(data, 'iqn.x:ini');
};
const UNREACHABLE = ['TargetUnreachable', 'LoginRefused', 'ExportLost'] as const;

describe('whatever a tool says, of', () => {
  itSurvives([
    {
      name: 'a serial, it is one or nobody can tell',
      sample: PAGE,
      parse: (bytes) => asked(bytes, CAPACITY),
      answers: identity,
      refuses: UNREACHABLE,
    },
    {
      name: 'a size, it is one or nobody can tell',
      sample: CAPACITY,
      parse: (bytes) => asked(PAGE, bytes),
      answers: identity,
      refuses: UNREACHABLE,
    },
    {
      name: 'a login, it is an error of the catalogue without the password',
      sample: LOG,
      parse: (bytes) => loginError(bytes.toString(), data).message,
      answers: discreet,
    },
    {
      name: 'a daemon that ended, it is an error of the catalogue without the password',
      sample: LOG,
      parse: (bytes) => startError(1, bytes.toString(), data).message,
      answers: discreet,
    },
  ]);
});

describe('whatever a daemon answers', () => {
  let answer: Buffer = Buffer.alloc(0);
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.end(answer);
  }).listen(at('qmp.sock'));
  afterAll(() => void server.close());
  beforeEach(async () => {
    if (!server.listening) await once(server, 'listening');
  });

  itSurvives(
    [
      {
        name: 'it is the values of the commands, or no answer',
        sample:
          '{"QMP": {"version": {"qemu": {"micro": 2}}, "capabilities": []}}\r\n' +
          '{"return": {}}\r\n{"event": "SHUTDOWN", "data": {}}\r\n' +
          '{"return": [{"node-name": "volume", "id": "export", "type": "fuse"}]}\r\n',
        parse: (bytes) => {
          answer = bytes;
          return askDaemon(at('qmp.sock'), 3, [{ execute: 'query-block-exports' }]);
        },
        answers: z.array(z.unknown()).length(1),
        refuses: ['ToolFailed'],
      },
    ],
    200,
  );
});

const MOUNTS = `22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
36 22 0:31 / /mnt/a\\040b rw,nosuid master:1 - fuse.export /dev/fuse rw,user_id=0
40 22 7:3 / /mnt/loop rw - ext4 /dev/loop3 rw
`;
const mount = z.strictObject({
  ...{ point: z.string(), device: z.string(), type: z.string(), source: z.string() },
});
const user = z.strictObject({ pid: z.int().min(1), command: z.string(), writes: z.boolean() });
const sighting = z.looseObject({ kind: z.string(), identity: z.string(), look: z.string() });

await writeFile(at('disk'), 'data');
const held = await open(at('disk'), 'r+');
const holder = spawn('sleep', ['600'], { stdio: ['ignore', 'ignore', 'ignore', held.fd] });
await held.close();
afterAll(async () => {
  holder.kill('SIGKILL');
  await once(holder, 'exit');
});
const PID = String(holder.pid);
/** The fourth of what it was started with. */
const descriptor = '3';

/** Nobody else is looked at. */
const alone = (): void => {
  plantedFiles.clear();
  plantedDirectories.set('/proc', [PID]);
};
const device = { path: at('disk'), sizeBytes: 4, accessMode: 'rw' } as const;
const used = (path: string): Promise<void> =>
  assertUnused({ ...device, path, accessMode: 'ro' }, { backend: 'b', id: 'v' });

describe('whatever the kernel says of', () => {
  beforeEach(alone);

  itSurvives([
    {
      name: 'mounts, they are read',
      sample: MOUNTS,
      parse: inPlaceOf('/proc/self/mountinfo', listMounts),
      answers: z.array(mount),
    },
    {
      name: 'swaps, a device is in use or not',
      sample: 'Filename\t\t\t\tType\t\tSize\n/dev/sda2 partition\t1\n',
      parse: inPlaceOf('/proc/swaps', async () => {
        plantedDirectories.set('/proc', []);
        await used(device.path);
      }),
      answers: z.undefined(),
      refuses: ['DeviceBusy'],
    },
    {
      name: 'a descriptor, it writes or not',
      sample: 'pos:\t0\nflags:\t0100002\nmnt_id:\t36\nino:\t12\n',
      parse: inPlaceOf(`/proc/${PID}/fdinfo/${descriptor}`, () => usersOf(device.path)),
      answers: z.array(user).max(1),
    },
    {
      name: 'a command line, it is that of a daemon or not',
      sample: 'qemu-storage-daemon\0--export\0{"id":"export"}\0',
      parse: inPlaceOf(`/proc/${PID}/cmdline`, () =>
        runsWith({ pid: Number(PID), startTicks: 1 }, ['qemu-storage-daemon']),
      ),
      answers: z.boolean(),
    },
    {
      name: 'daemons, each is told with what it serves',
      sample: `qemu-storage-daemon\0"target":"${data.target_iqn}","mountpoint":"${directory}/ab/d"\0`,
      parse: inPlaceOf(`/proc/${PID}/cmdline`, () => {
        plantedFiles.set(`/proc/${PID}/comm`, Buffer.from('qemu-storage-da\n'));
        return surveyConnections(directory);
      }),
      answers: z.array(sighting),
    },
  ]);
});

it('a device is busy only by a swap of its own name, and a writer is told from a reader', async () => {
  alone();
  plantedDirectories.set('/proc', []);
  plantedFiles.set('/proc/swaps', Buffer.from(`Filename\n${device.path} file 1\n`));
  await expect(used(device.path)).rejects.toMatchObject({ code: 'DeviceBusy' });
  plantedFiles.set('/proc/swaps', Buffer.from(`Filename\n${device.path}2 file 1\n`));
  await used(device.path);
  alone();
  expect(await usersOf(device.path)).toMatchObject([{ writes: true }]);
  plantedFiles.set(`/proc/${PID}/fdinfo/${descriptor}`, Buffer.from('flags:\t0100000\n'));
  expect(await usersOf(device.path)).toMatchObject([{ writes: false }]);
});

describe('whatever the kernel says of a block device', async () => {
  await mkdir(at('loop'));
  await writeFile(at('loop/file'), Buffer.alloc(2 ** 20));
  const { stdout } = await exec('losetup', ['--find', '--show', at('loop/file')]);
  const loop = stdout.trim();
  afterAll(() => exec('losetup', ['-d', loop]));
  const { stdout: number } = await exec('lsblk', ['-ndo', 'MAJ:MIN', loop]);
  const uevent = `/sys/dev/block/${number.trim()}/uevent`;

  itSurvives(
    [
      {
        name: 'it is in use or not',
        sample: `MAJOR=7\nMINOR=3\nDEVNAME=${loop.slice(5)}\nDEVTYPE=disk\n`,
        parse: inPlaceOf(uevent, async () => {
          plantedDirectories.set('/proc', []);
          plantedFiles.set('/proc/swaps', Buffer.from('Filename\n'));
          await used(loop);
        }),
        answers: z.undefined(),
        refuses: ['DeviceBusy'],
      },
    ],
    100,
  );
});
