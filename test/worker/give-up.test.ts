import type { Client } from '@temporalio/client';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { HostContext } from '../../activities/context.ts';
import { noEncryptor } from '../../connectors/no-encryptor.ts';
import { copyIdOf } from '../../contract/ids.ts';
import { LOST_MEMO } from '../../contract/messages.ts';
import type { Role } from '../../contract/volume.ts';
import { takeLease } from '../../copy/lease.ts';
import { type Claim, writeClaim } from '../../system/claims.ts';
import { raiseEpoch } from '../../system/epoch.ts';
import { type HostState, makeStateDirs, stateDirs } from '../../system/host-state.ts';
import { giveUpLost } from '../../worker/give-up.ts';

const OWNER = {
  namespace: 'default',
  workflowId: 'copy/san:a',
  firstRunId: '0198f0f0-1111-7222-8333-444455556666',
  hostId: 'mover',
  destination: { backend: 'san', id: 'b' },
};

let directory: string;
let state: HostState;
let disconnected: string[];
let log: string[];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'dray-give-up-'));
  const dirs = stateDirs(directory);
  await makeStateDirs(dirs);
  const epoch = await raiseEpoch(join(directory, 'epoch'), 'mover');
  state = { hostId: 'mover', epoch, dirs };
  [disconnected, log] = [[], []];
  await takeLease(state, OWNER.destination, copyIdOf(OWNER), 'token');
});
afterEach(() => rm(directory, { recursive: true }));

async function claim(role: Role, move: number, owner = OWNER): Promise<string> {
  const id = `${copyIdOf(owner)}.${role}.${move}`;
  const attachment = { id, role, accessMode: 'rw', owner, volume: { backend: 'san', id: role } };
  const info = { driverVolumeType: 'iscsi', data: {} };
  await writeClaim(state.dirs.claims, { attachment, info } as Claim);
  return id;
}

function host(refused?: string): HostContext {
  const disconnectVolume = ({ id }: { id: string }, ...[, , force]: unknown[]): Promise<string> => {
    if (id === refused) return Promise.reject(new Error('not now'));
    disconnected.push(`${id} ${String(force)}`);
    return Promise.resolve('done');
  };
  const say = (message: string): void => void log.push(message);
  return {
    state,
    connectors: { iscsi: { disconnectVolume } },
    encryptor: noEncryptor(),
    log: { warn: say, error: say },
  } as unknown as HostContext;
}

/** A Temporal in which the copy that runs now has this first run, and has lost these attachments. */
function temporal(lost: string[], latest = OWNER.firstRunId): Client {
  const describe = (runId: string | undefined) => () =>
    Promise.resolve({
      raw: { workflowExecutionInfo: { firstRunId: runId ?? latest } },
      memo: runId === undefined && latest !== OWNER.firstRunId ? {} : { [LOST_MEMO]: lost },
    });
  const getHandle = (_: string, runId?: string) => ({ describe: describe(runId) });
  return { options: { namespace: 'default' }, workflow: { getHandle } } as unknown as Client;
}

const left = async (): Promise<string[]> => {
  const { claims, copiers } = state.dirs;
  return [...(await readdir(claims)), ...(await readdir(copiers))].sort();
};

it('what its workflow has lost goes, copier and devices, without a flush', async () => {
  const ids = [await claim('source', 0), await claim('destination', 0)];
  await giveUpLost(temporal(ids), host());
  expect(disconnected.sort()).toEqual(ids.map((id) => `${id} true`).sort());
  expect(await left()).toEqual([]);
});

it('also of a copy that has ended and been followed by another one', async () => {
  const ids = [await claim('source', 0), await claim('destination', 0)];
  await giveUpLost(temporal(ids, '0198f0f0-9999-7222-8333-444455556666'), host());
  expect(await left()).toEqual([]);
});

it('what is its own stays, and what is of another namespace', async () => {
  const own = await claim('source', 0);
  const foreign = await claim('destination', 0, { ...OWNER, namespace: 'other' });
  await giveUpLost(temporal([foreign]), host());
  expect(await left()).toEqual([`${own}.json`, `${foreign}.json`, 'san.b'].sort());
});

it('a copier of a copy that has come back to this host stays', async () => {
  const lost = await claim('destination', 0);
  const back = await claim('destination', 2);
  await giveUpLost(temporal([lost]), host());
  expect(disconnected).toEqual([`${lost} true`]);
  expect(await left()).toEqual([`${back}.json`, 'san.b']);
});

it('what cannot be given up keeps nothing else, and is tried again', async () => {
  const ids = [await claim('source', 0), await claim('destination', 0)];
  await giveUpLost(temporal(ids), host(ids[0]));
  expect(await left()).toEqual([`${ids[0]!}.json`]);
  expect(log).toContain('what was taken from this host cannot be given up yet');
  await giveUpLost(temporal(ids), host());
  expect(await left()).toEqual([]);
});

it('while Temporal does not answer nothing is given up', async () => {
  await claim('source', 0);
  const getHandle = () => ({ describe: () => Promise.reject(new Error('away')) });
  const away = { options: { namespace: 'default' }, workflow: { getHandle } };
  await giveUpLost(away as unknown as Client, host());
  expect(disconnected).toEqual([]);
  expect(log).toEqual(['a claim could not be checked']);
});
