import type { Client } from '@temporalio/client';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { archive, type Archived } from '../../client/temporal/archive.ts';
import { until } from '../rig/poll.ts';
import { SmallHouse } from '../rig/small-house.ts';

let directory: string;
let house: SmallHouse;
const at = (name: string): string => join(directory, 'certificates', name);

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'dray-archive-'));
  house = await SmallHouse.open();
  for (const name of ['vm1', 'vm2']) await house.plant(name, `${name}-new`, 2 ** 20);
}, 120_000);
afterAll(async () => {
  await house.close();
  await rm(directory, { recursive: true });
});

/** The list that it goes by learns of an end a moment later. */
async function archived(there: number, written: string[]) {
  await until('all are listed', async () => {
    const query = 'WorkflowType="copyVolume" AND ExecutionStatus="Completed"';
    return (await house.client.workflow.count(query)).count === there + written.length;
  });
  const { status, stdout, stderr } = await house.dray('archive', at(''), '--json');
  expect(status, stderr).toBe(0);
  const found = JSON.parse(stdout) as Archived;
  const sorted = { ...found, written: found.written.toSorted() };
  expect(sorted).toEqual({ written, there, uncertified: [], invalid: [] });
}

it('writes each certificate once, as report prints it, also of a second copy of a volume', async () => {
  await (await house.copy('vm1', 'vm1-new')).result();
  await archived(0, ['copy/disks:vm1']);
  const [name = ''] = await readdir(at(''));
  expect(name).toMatch(/^copy\.disks\.vm1\.[0-9a-f-]{36}\.json$/);
  const document = await readFile(at(name), 'utf8');
  expect(document).toBe(`${(await house.dray('report', 'disks:vm1', '--json')).stdout}\n`);
  const compared = await house.dray('verify', at(name), 'disks:vm1-new');
  expect(compared.status, compared.stderr).toBe(0);

  // What a crash leaves is neither a certificate nor in the way of one.
  await writeFile(at('copy.disks.vm2.x.json.new'), '{');
  await (await house.copy('vm1', 'vm1-new')).result();
  await (await house.copy('vm2', 'vm2-new')).result();
  const before = (await stat(at(name))).mtimeMs;
  await archived(1, ['copy/disks:vm1', 'copy/disks:vm2']);
  expect((await stat(at(name))).mtimeMs).toBe(before);
  expect((await readdir(at(''))).filter((file) => file.endsWith('.json'))).toHaveLength(3);
  await archived(3, []);
});

it('a certificate that is no good is named, and the others are written', async () => {
  const results = [
    { certificate: { certified: {}, keyId: '0', publicKey: '0', signature: '0' } },
    { uncertified: 'skipped by decision' },
  ];
  const runs = results.map((_, i) => ({ workflowId: `copy/disks:${i}`, runId: `${i}` }));
  const workflow = {
    list: () => runs,
    getHandle: (_id: string, runId: string) => ({
      result: () => Promise.resolve(results[Number(runId)]),
    }),
  };
  const client = { workflow } as unknown as Client;
  expect(await archive(client, join(directory, 'invalid'))).toEqual({
    ...{ written: [], there: 0 },
    ...{ uncertified: ['copy/disks:1'], invalid: ['copy/disks:0'] },
  });
  expect(await readdir(join(directory, 'invalid'))).toEqual([]);
});

it('a directory that cannot be made is bad input', async () => {
  await writeFile(join(directory, 'file'), '');
  const { status, stderr } = await house.dray('archive', join(directory, 'file', 'below'));
  expect(status).toBe(2);
  expect(stderr).toContain('ENOTDIR');
});
