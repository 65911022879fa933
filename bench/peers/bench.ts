import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describeMachine } from '../machine.ts';
import { setStage } from '../stage.ts';
import { keep, readKept } from './keep.ts';
import { measureKill } from './kill.ts';
import { measureMemory } from './memory.ts';
import type { PeerOptions } from './options.ts';
import { peersPage, renderPeers } from './page.ts';
import { drawPeers } from './picture.ts';
import { measurePeers } from './rounds.ts';
import { peerRows } from './rows.ts';
import { targetsOf } from './targets.ts';

const DOCS = join(import.meta.dirname, '../../docs');

/** `npm run bench -- --peers`: see docs/benchmarks-peers.md. */
export async function benchPeers(options: PeerOptions, note: (text: string) => void) {
  note('compiling and starting the server and the worker');
  const stage = await setStage(['file', 'iscsi']);
  try {
    const machine = await describeMachine(stage.temporalBinary, stage.directory);
    const run = await readKept(options.keep);
    for (const storage of options.storages) {
      if (run.samples.some((sample) => sample.storage === storage)) continue;
      run.samples.push(...(await measurePeers(stage, storage, options, note)));
      await keep(options.keep, run);
    }
    if (options.storages.includes('file')) {
      note('file: resident memory');
      run.memory ??= await measureMemory(stage, options.sizeBytes);
      await keep(options.keep, run);
      note('file: a worker is killed');
      run.killed ??= await measureKill(stage, options.sizeBytes);
      await keep(options.keep, run);
    }
    const rows = peerRows(run.samples);
    const document = { machine, rows, targets: targetsOf(run) };
    process.stdout.write(
      options.json ? `${JSON.stringify(document, null, 2)}\n` : `${renderPeers(machine, run)}\n`,
    );
    if (options.writeDocs) {
      await writeFile(join(DOCS, 'benchmarks-peers.md'), peersPage(machine, run, options));
      await writeFile(join(DOCS, 'benchmarks-peers.svg'), drawPeers(rows));
    }
  } finally {
    await stage.strike();
  }
}
