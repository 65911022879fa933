import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { iqnOf } from '../../../contract/ids.ts';
import type { Sighting } from '../../../contract/leaks.ts';
import { tgtadm } from '../../rig/tgtd.ts';
import { BACKEND, INITIATOR } from '../workbench.ts';
import { connectLive } from './initiator.ts';
import { attach, makeTgtBench, type TgtBench } from './tgt-bench.ts';

let it_: TgtBench;
beforeEach(async () => {
  it_ = await makeTgtBench();
});
afterEach(() => it_.remove());

const on = (...args: string[]): Promise<string> => tgtadm(it_.tgtd.controlPort, ...args);

async function addTarget(tid: string, name: string, file: string): Promise<void> {
  await writeFile(file, Buffer.alloc(4096));
  await on('--op', 'new', '--mode', 'target', '--tid', tid, '-T', name);
  await on('--op', 'new', '--mode', 'logicalunit', '--tid', tid, '--lun', '1', '-b', file);
}

const told = (sightings: Sighting[]): string[] =>
  sightings.map(({ kind, identity, verdict }) => `${verdict?.state ?? ''} ${kind} ${identity}`);

it('tells what an attachment has, from reservation to session, and nothing once it is gone', async () => {
  const { attachment, data } = await attach(it_.backend, 'disk1');
  const live = await connectLive(it_.bench.directory, data, false);
  const { id: attachmentId, volume } = attachment;
  const found = await it_.backend.survey();
  await live.end();
  const target = iqnOf(attachmentId);
  expect(found).toMatchObject([
    { kind: 'reservation', attachmentId, volume, record: attachment },
    { kind: 'export', attachmentId, volume },
    { kind: 'target', identity: target, attachmentId },
    { kind: 'session', identity: `${INITIATOR} at ${target}`, attachmentId },
  ]);
  await it_.backend.removeExport(attachment);
  expect(await it_.backend.survey()).toEqual([]);
});

it('tells what is of others, and what nobody can tell', async () => {
  const elsewhere = join(it_.bench.directory, 'elsewhere.raw');
  await addTarget('7', 'iqn.2001-04.com.example:theirs', elsewhere);
  await addTarget('8', iqnOf('copy.other.x'), elsewhere);
  const account = ['--op', 'new', '--mode', 'account', '--password', 'twelve-or-more'];
  await on(...account, '--user', 'somebody');
  await on(...account, '--user', 'dray-0123456789abcdef');
  const reservation = join(it_.bench.root, 'reservations', 'disk9.json');
  await writeFile(reservation, '{');
  const found = await it_.backend.survey();
  expect(told(found).sort()).toEqual([
    'foreign target iqn.2001-04.com.example:theirs',
    `foreign target ${iqnOf('copy.other.x')}`,
    'unknown account dray-0123456789abcdef',
    `unknown reservation ${reservation}`,
  ]);
});

it('records are told while tgtd is away', async () => {
  const { attachment } = await attach(it_.backend, 'disk1');
  await it_.tgtd.stop();
  const found = await it_.backend.survey();
  expect(told(found)).toEqual([
    ` reservation ${join(it_.bench.root, 'reservations', 'disk1.json')}`,
    ` export ${attachment.id}`,
    `unknown target control port ${it_.tgtd.controlPort}`,
  ]);
  expect(found[2]?.verdict?.because).toContain(BACKEND);
});
