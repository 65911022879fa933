import { execa } from 'execa';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, inject } from 'vitest';
import type { Ending } from '../rig/workflow-run.ts';
import type { Drayage } from '../rig/drayage.ts';
import { fault } from './row.ts';

const part = 'F1 Bad input';
const setup = 'one worker, own tgtd';
const PACED = { bytesPerSecond: 8 * 2 ** 20 };

const refusals = [
  { done: 'unknown source', source: 'nothing', code: 'VolumeNotFound', names: 'tgt:nothing' },
  {
    done: 'unknown destination',
    destination: 'nothing',
    code: 'VolumeNotFound',
    names: 'tgt:nothing',
  },
  { done: 'source = destination', destination: 'source', code: 'SameVolume', names: 'tgt:source' },
  {
    done: 'destination smaller',
    destination: 'small',
    code: 'DestinationTooSmall',
    names: 'tgt:small',
  },
  { done: 'source of size 0', source: 'empty', code: 'BadSize', names: 'tgt:empty' },
  { done: 'destination of size 0', destination: 'empty', code: 'BadSize', names: 'tgt:empty' },
  { done: 'source of 1000 bytes', source: 'odd', code: 'BadSize', names: 'tgt:odd' },
];
for (const { done, source = 'source', destination = 'destination', code, names } of refusals) {
  fault(
    { part, done, step: 'start', setup, expected: `failed ${code}`, untouched: true },
    async (rig) => {
      await writeFile(rig.volumeFile('small'), Buffer.alloc(2 ** 20, 1));
      await writeFile(rig.volumeFile('empty'), '');
      await writeFile(rig.volumeFile('odd'), Buffer.alloc(1000, 1));
      const volumes = { source: rig.volume(source), destination: rig.volume(destination) };
      const ending = await (await rig.startCopy({}, volumes)).ending();
      expect(ending.message).toContain(names);
      return ending;
    },
  );
}

/** The first copy runs; a second one that needs one of its volumes ends at once. */
async function second(rig: Drayage, source: string, destination: string): Promise<Ending> {
  for (const id of ['other', 'third']) {
    await writeFile(rig.volumeFile(id), Buffer.alloc(32 * 2 ** 20, 7));
  }
  const first = await rig.startCopy(PACED);
  await first.flushedAtLeast(0.1);
  const volumes = { source: rig.volume(source), destination: rig.volume(destination) };
  const refused = await (await rig.startCopy({}, volumes)).ending();
  expect(refused.message).toContain('copy/tgt:source');
  const ending = await first.ending();
  return { ...ending, outcome: `second ${refused.outcome}; first ${ending.outcome}` };
}
const busy = 'second failed VolumeBusy; first completed';
for (const [done, source, destination] of [
  ['two copies onto one destination', 'other', 'destination'],
  ['A to B and B to C at once', 'destination', 'third'],
  ['A to B and C to A at once', 'other', 'source'],
] as const) {
  fault({ part, done, step: 'copyData', setup, expected: busy }, (rig) =>
    second(rig, source, destination),
  );
}

type Call = { done: string; args?: string[]; config?: (rig: Drayage) => string; says: RegExp[] };
const copy = ['copy', 'tgt:source', 'tgt:destination'];
const calls: Call[] = [
  ...['0', '-1', '1.5M', '1Q'].map((size) => ({
    done: `block size ${size}`,
    args: [...copy, `--block-size=${size}`],
    says: [/BadBlockSize/, new RegExp(`block size \\\\"${size.replace('.', '\\.')}\\\\"`)],
  })),
  {
    done: 'unknown backend',
    args: ['copy', 'nowhere:source', 'tgt:destination'],
    says: [/UnknownBackend/, /nowhere/],
  },
  {
    done: 'source = destination',
    args: ['copy', 'tgt:source', 'tgt:source'],
    says: [/SameVolume/],
  },
  {
    done: 'deleting an unknown volume',
    args: ['volume', 'delete', 'tgt:nothing'],
    says: [/VolumeNotFound/, /tgt:nothing/],
  },
  {
    done: 'configuration cannot be read',
    config: () => '/nonexistent.yaml',
    says: [/ConfigUnreadable/, /nonexistent\.yaml/],
  },
  {
    done: 'unknown key in the configuration',
    config: (rig) => join(rig.directory, 'bad.yaml'),
    says: [/ConfigInvalid/, /colour/, /bad\.yaml/],
  },
];
for (const { done, args = copy, config, says } of calls) {
  fault(
    {
      part,
      done,
      step: `dray ${args[0]}`,
      setup: 'command line',
      expected: 'exit 2',
      untouched: true,
    },
    async (rig) => {
      await writeFile(join(rig.directory, 'bad.yaml'), 'colour: blue\n');
      const main = join(inject('dist'), 'client', 'main.js');
      const file = config?.(rig) ?? rig.worker.settings.configFile;
      const argv = [main, '--config', file, ...args, '--json'];
      const { exitCode, stdout, stderr } = await execa(process.execPath, argv, { reject: false });
      for (const words of says) expect(stdout).toMatch(words);
      return { outcome: `exit ${exitCode}`, message: stderr };
    },
  );
}
