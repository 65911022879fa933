import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { ByteRange, CopyReport } from '../../contract/copy.ts';
import { MIB } from '../copy/rig.ts';
import { serveNbdkitAt } from '../copy/served.ts';
import { CliStage } from '../rig/cli-stage.ts';

const BYTES = 8 * MIB;
const BAD: ByteRange = { offset: 5 * MIB, length: 65_536 };

const undo: (() => unknown)[] = [];
let stage: CliStage;
beforeEach(async () => {
  stage = await CliStage.start();
  undo.unshift(() => stage.end());
}, 120_000);
afterEach(async () => {
  for (const act of undo.splice(0)) await act();
});

/** A volume that answers EIO for every request that reaches into the bad place. */
async function badVolume(id: string, content: Buffer): Promise<void> {
  const file = join(stage.directory, 'content');
  await writeFile(file, content);
  const isBad = `[ $(($4 + $3)) -gt ${BAD.offset} ] && [ $4 -lt ${BAD.offset + BAD.length} ]`;
  const read = `dd if=${file} skip=$4 count=$3 iflag=skip_bytes,count_bytes,fullblock status=none`;
  await serveNbdkitAt(
    stage.volumeFile(id),
    { undo: (act) => void undo.unshift(act) },
    ...['eval', `get_size=echo ${BYTES}`],
    `pread=if ${isBad}; then echo EIO bad place >&2; exit 1; fi; ${read}`,
  );
}

it('dray copy --on-read-error record ends with 6 and lists what could not be read', async () => {
  const content = randomBytes(BYTES);
  await badVolume('bad', content);
  await stage.dray('volume', 'create', 'disks:copy', '8MiB');

  const run = await stage.dray(
    ...['copy', 'disks:bad', 'disks:copy', '--on-read-error', 'record', '--json'],
  );
  expect(run.status, run.stderr).toBe(6);
  const { copied } = JSON.parse(run.stdout) as CopyReport;
  expect(copied.unreadable).toEqual([BAD]);
  content.fill(0, BAD.offset, BAD.offset + BAD.length);
  expect((await readFile(stage.volumeFile('copy'))).equals(content)).toBe(true);
});
