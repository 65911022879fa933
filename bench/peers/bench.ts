import { describeMachine } from '../machine.ts';
import { setStage } from '../stage.ts';
import type { PeerOptions } from './options.ts';
import { measurePeers } from './rounds.ts';
import { peerRows } from './rows.ts';
import type { PeerSample } from './samples.ts';
import { peersTable } from './table.ts';

/** `npm run bench -- --peers`: see docs/benchmarks-peers.md. */
export async function benchPeers(options: PeerOptions, note: (text: string) => void) {
  note('compiling and starting the server and the worker');
  const stage = await setStage(['file', 'iscsi']);
  try {
    const machine = await describeMachine(stage.temporalBinary, stage.directory);
    const samples: PeerSample[] = [];
    for (const storage of options.storages) {
      samples.push(...(await measurePeers(stage, storage, options, note)));
    }
    const rows = peerRows(samples);
    process.stdout.write(
      options.json ? `${JSON.stringify({ machine, rows }, null, 2)}\n` : `${peersTable(rows)}\n`,
    );
  } finally {
    await stage.strike();
  }
}
