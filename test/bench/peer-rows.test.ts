import { expect, it } from 'vitest';
import { peerRows } from '../../bench/peers/rows.ts';
import type { PeerSample } from '../../bench/peers/samples.ts';
import { targetsOf } from '../../bench/peers/targets.ts';

const GIB = 2 ** 30;

function sample(tool: string, round: number, seconds: number | string): PeerSample {
  const kind = tool.startsWith('engine') ? 'bare' : 'peer';
  const of = { storage: 'iscsi', content: 'dense', sizeBytes: GIB, isDirect: true } as const;
  const found =
    typeof seconds === 'string' ? { none: seconds } : { cost: { seconds, cpuSeconds: 0.5 } };
  return { ...of, tool, kind, round, ...found };
}

const SAMPLES = [
  sample('dd bs=1M', 0, 4),
  sample('dd bs=1M', 1, 8),
  sample('dd bs=64M', 0, 1),
  sample('dd bs=64M', 1, 'corrupt'),
  sample('cp', 0, 2),
  sample('cp', 1, 4),
  sample('engine direct', 0, 1),
  sample('engine direct', 1, 8),
];

it('compares within rounds, and never with a tool that copied wrong once', () => {
  const rows = new Map(peerRows(SAMPLES).map((row) => [row.tool, row]));
  expect(rows.get('engine direct')).toMatchObject({
    medianSeconds: 4.5,
    cpuSecondsAGib: 0.5,
    ratioToDd1M: 2.5,
    ratioToFastest: 1.25,
  });
  expect(rows.get('dd bs=64M')).toMatchObject({ none: 'corrupt' });
  expect(rows.get('dd bs=64M')).not.toHaveProperty('medianSeconds');
});

it('says of each target whether it is met, missed or was not measured', () => {
  const killed = { sizeBytes: GIB, bytesWritten: 2 * GIB, secondsBetween: 0.5, isEqual: true };
  const targets = targetsOf({ samples: SAMPLES, memory: [], killed });
  const results = Object.fromEntries(targets.map(({ what, result }) => [what, result]));
  expect(results).toMatchObject({
    'iscsi: speed over dd bs=1M': 'met',
    '2 ms a request: speed over dd bs=1M': 'not measured',
    'bytes written, worker killed at half': 'missed',
    'seconds from the killed writer to the next': 'met',
  });
});
