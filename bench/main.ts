import { benchDray } from './bench.ts';
import { readOptions } from './options.ts';
import { benchPeers } from './peers/bench.ts';

/** `npm run bench`: see docs/benchmarks.md and docs/benchmarks-peers.md. */

const note = (text: string): void => void process.stderr.write(`${text}\n`);
const asked = readOptions(process.argv);
await ('peers' in asked ? benchPeers(asked.peers, note) : benchDray(asked.dray, note));
