import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { describeFailure } from '../../client/failure.ts';
import { readCsv } from '../../client/fleet/csv.ts';
import { inWaves, measure, rowsOfBackend } from '../../client/fleet/make-plan.ts';
import { readPlan, renderPlan } from '../../client/fleet/plan-file.ts';
import { readRows } from '../../client/fleet/rows.ts';
import type { FleetOrder, PlannedVolume } from '../../contract/fleet.ts';
import { packVolumes, unpackVolumes } from '../../contract/fleet-volumes.ts';
import { itSurvives } from '../rig/fuzz.ts';

const ORDER: FleetOrder = {
  id: '0198f0f0-1111-7222-8333-444455556666',
  name: 'empty-san1',
  madeAt: '2026-11-23T20:00:00.000Z',
  options: { verify: 'written' },
  limits: { total: 4, perHost: 2 },
  stop: { failures: 3, percent: 20 },
  windows: ['22:00-06:00'],
  timeZone: 'Europe/Berlin',
};

function volume(id: string, more: Partial<PlannedVolume> = {}): PlannedVolume {
  const names = { source: `a:${id}`, destination: `b:${id}`, host: 'mover' };
  return { ...names, wave: 1, priority: 3, sizeBytes: 512, ...more };
}

const PLAN = renderPlan(ORDER, [volume('v1'), volume('v2', { tenant: 'acme', wave: 2 })]);

/** What is refused, a problem a line. */
function problemsOf(read: () => unknown): string[] {
  try {
    read();
  } catch (error) {
    const { code, message } = describeFailure(error);
    expect(code).toBe('FleetPlanInvalid');
    const [head = '', ...problems] = message.split('\n  ');
    expect(head).toMatch(/^nothing was started/);
    return problems;
  }
  throw new Error('nothing is refused');
}

const planProblems = (text: string): string[] => problemsOf(() => readPlan('plan.yaml', text));

describe('a plan', () => {
  it('is read as it was written, one line a volume', () => {
    const { order, volumes, packed } = readPlan('plan.yaml', PLAN);
    expect(order).toEqual(ORDER);
    expect(volumes).toEqual([volume('v1'), volume('v2', { tenant: 'acme', wave: 2 })]);
    expect(unpackVolumes(packed)).toEqual(volumes);
    expect(PLAN.split('\n').filter((line) => line.includes('source:'))).toHaveLength(2);
  });

  it('has every error with its line, all at once', () => {
    const lines = PLAN.trimEnd().split('\n');
    const first = lines.findIndex((line) => line.includes('a:v1')) + 1;
    const text = [
      ...lines.map((line) => line.replace('total: 4', 'total: 0').replace('a:v2', 'av2')),
      '  - { source: a:v3, destination: a:v3, host: mover }',
      '  - { source: a:v1, destination: b:v4, host: mover, wave: -1 }',
      '  - { source: b:v1, destination: b:v5, host: mover, colour: red }',
      '  - { source: a:v6, destination: b:v1, host: mover }',
    ].join('\n');
    const total = text.split('\n').findIndex((line) => line.includes('total: 0')) + 1;
    expect(planProblems(text)).toEqual([
      expect.stringMatching(new RegExp(`^line ${total}: limits.total: .*>=1`)),
      `line ${first + 1}: source: "av2" is not a volume: write backend:id`,
      `line ${first + 2}: source and destination are both a:v3`,
      expect.stringMatching(new RegExp(`^line ${first + 3}: wave: .*>=0`)),
      `line ${first + 4}: colour: is not known here`,
      `line ${first + 5}: b:v1 is in line ${first} already`,
    ]);
  });

  it.each([
    ['nothing', '', 'it is no map'],
    ['a list', '- 1\n', 'id: '],
    ['no volumes', PLAN.replace(/volumes:[^]*/, ''), 'volumes: must be a list'],
    ['an empty list', PLAN.replace(/volumes:[^]*/, 'volumes: []\n'), 'volumes: must be a list'],
    ['no YAML', `${PLAN}\n  - {`, 'line '],
    ['an unknown key', `${PLAN}\ncolour: red\n`, 'colour: is not known here'],
    ['a bad window', PLAN.replace('22:00-06:00', '22-6'), 'is not of the form 22:00-06:00'],
    ['a bad time zone', PLAN.replace('Europe/Berlin', 'Moon'), 'is not the name of a time zone'],
    ['a bad engine', PLAN.replace('verify: written', 'engine: cp'), 'options.engine'],
    ['a bad block size', PLAN.replace('verify: written', 'blockSize: 1.5M'), 'whole number'],
    ['no id', PLAN.replace(/^id: .*$/m, 'id: mine'), 'id: '],
    ['a bad name', PLAN.replace('empty-san1', 'a/b'), 'name: must be letters'],
    ['too many at once', PLAN.replace('total: 4', 'total: 301'), 'limits.total'],
    ['an alias bomb', 'a: &a [x]\nb: *c\n', ''],
  ])('%s is refused', (_, text, because) => {
    expect(planProblems(text).join('\n')).toContain(because);
  });

  it('that is too large for one fleet is refused with its numbers', () => {
    const many = Array.from({ length: 10_001 }, (_, i) => volume(`v${i}`));
    expect(planProblems(renderPlan(ORDER, many))[0]).toContain('10001 volumes');
  });

  it('of 10,000 volumes with long names fits one payload', () => {
    const id = (i: number): string => `0198f0f0-1111-7222-8333-${String(i).padStart(12, '0')}`;
    const volumes = Array.from({ length: 10_000 }, (_, i) =>
      volume(id(i), { destination: `b:${id(i + 10_000)}`, sizeBytes: 10 * 2 ** 40 }),
    );
    const { packed } = readPlan('plan.yaml', renderPlan(ORDER, volumes));
    expect(JSON.stringify(packed).length).toBeLessThan(1_500_000);
    expect(packVolumes(unpackVolumes(packed))).toEqual(packed);
  });
});

describe('a CSV file', () => {
  const csv = (text: string) => readRows(readCsv('fleet.csv', text, 'mover'));
  const csvProblems = (text: string): string[] =>
    problemsOf(() => readCsv('fleet.csv', text, 'mover'));

  it('needs two columns and may have more, in any order', () => {
    const { volumes, problems } = csv(
      '\ufeffdestination, source,tenant,wave,priority,host\n' +
        '# a comment\n\nb:v1,a:v1,acme,2,1,mover2\n"b:v2",a:v2,,,,\n',
    );
    expect(problems).toEqual([]);
    expect(volumes).toEqual([
      volume('v1', { tenant: 'acme', wave: 2, priority: 1, host: 'mover2', sizeBytes: 0 }),
      volume('v2', { sizeBytes: 0 }),
    ]);
  });

  it('has every bad row with its line', () => {
    const { problems } = csv(
      'source,destination,wave\na:v1,b:v1,1\na:v2,b:v1,1\nav3,b:v3,x\n,b:v4,1\na:v1,b:v5,1\n',
    );
    expect(problems.map(({ line, because }) => `${line}: ${because}`)).toEqual([
      '3: b:v1 is in line 2 already',
      '4: source: "av3" is not a volume: write backend:id',
      expect.stringContaining('4: wave: '),
      expect.stringContaining('5: source: '),
      '6: a:v1 is in line 2 already',
    ]);
  });

  it.each([
    ['', 'it is empty'],
    ['source,destination\n', 'it names no volume'],
    ['source\na:v1\n', 'line 1: column destination is missing'],
    ['source,destination,size\na:1,b:1,1\n', 'line 1: column "size" is not one of'],
    ['source,destination,source\na:1,b:1,a:1\n', 'line 1: column "source" is there twice'],
    ['source,destination\na:1,b:1\na:2\n', 'line 3: it has 1 fields, the header 2'],
    ['source,destination\na:1,"b:1\n', 'Quote'],
  ])('%j is refused', (text, because) => {
    expect(csvProblems(text).join('\n')).toContain(because);
  });
});

describe('volumes of a backend', () => {
  const found = ['vm-1', 'vm-2', 'db.1'].map((id) => {
    return { backend: 'a', id, sizeBytes: 1024, state: 'available', neverWritten: false };
  });

  it.each([
    ['*', 3],
    ['vm-*', 2],
    ['vm-?', 2],
    ['vm', 0],
    ['db.1', 1],
    ['db?1', 1],
    ['v[m]-1', 0],
  ])('of the name %s', (name, count) => {
    expect(rowsOfBackend(found, { to: 'b', name, host: 'mover' })).toHaveLength(count);
  });

  it('have to exist on both sides, the destination large enough', () => {
    const planned = ['vm-1', 'vm-2', 'gone'].map((id) => volume(id));
    const there = [...found, { ...found[0]!, backend: 'b', id: 'vm-1', sizeBytes: 512 }];
    const { problems, volumes } = measure(planned, [2, 3, 4], there);
    expect(volumes.map(({ sizeBytes }) => sizeBytes)).toEqual([1024, 1024, 0]);
    expect(problems.map(({ line, because }) => `${line}: ${because}`)).toEqual([
      '2: b:vm-1 has 512 bytes, a:vm-1 has 1024',
      '3: b:vm-2 does not exist: dray volume create b:vm-2 1024',
      '4: a:gone does not exist',
      '4: b:gone does not exist',
    ]);
  });
});

it('the first of the order become canaries, the others waves', () => {
  const volumes = [1, 2, 3, 4, 5].map((i) => volume(`v${i}`, i === 5 ? { priority: 1 } : {}));
  const wavesOf = (options: object) => inWaves(volumes, options).map(({ wave }) => wave);
  expect(wavesOf({})).toEqual([1, 1, 1, 1, 1]);
  expect(wavesOf({ canary: 1 })).toEqual([1, 1, 1, 1, 0]);
  expect(wavesOf({ canary: 1, waveSize: 2 })).toEqual([1, 1, 2, 2, 0]);
});

describe('whatever is handed over, it is read or refused:', () => {
  const volumeText = z.string().regex(/^[a-z0-9-]+:.+$/);
  const planned = z.looseObject({ source: volumeText, destination: volumeText });
  itSurvives([
    {
      name: 'a plan',
      sample: PLAN,
      parse: (bytes) => readPlan('plan.yaml', bytes.toString()).volumes,
      answers: z.array(planned).min(1),
      refuses: ['FleetPlanInvalid'],
    },
    {
      name: 'a CSV file',
      sample: 'source,destination,wave,tenant\na:v1,b:v1,1,acme\na:v2,b:v2,2,\n',
      parse: (bytes) => readRows(readCsv('fleet.csv', bytes.toString(), 'mover')).volumes,
      answers: z.array(planned),
      refuses: ['FleetPlanInvalid'],
    },
  ]);
});
