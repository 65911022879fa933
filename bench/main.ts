import { benchDray } from './bench.ts';
import { benchFleet } from './fleet/bench.ts';
import { readOptions } from './options.ts';
import { benchPeers } from './peers/bench.ts';

/** `npm run bench`: see docs/benchmarks.md, docs/benchmarks-peers.md and docs/scale.md. */

const note = (text: string): void => void process.stderr.write(`${text}\n`);
const asked = readOptions(process.argv);
if ('fleet' in asked) await benchFleet(asked.fleet, note);
else await ('peers' in asked ? benchPeers(asked.peers, note) : benchDray(asked.dray, note));
