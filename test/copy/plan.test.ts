import { execFileSync } from 'node:child_process';
import { mkdir, symlink, truncate, writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { parseBlockSize } from '../../contract/block-size.ts';
import { ddArguments } from '../../copy/engines/dd.ts';
import { runCopy } from '../../copy/copier.ts';
import { chooseMaxLanes, configuredLanes } from '../../copy/lane-limits.ts';
import { chunkBytesOf, rangeBytesOf } from '../../copy/plan.ts';
import { digest, MIB, Rig } from './rig.ts';
import { servedByQemu } from './served.ts';

let rig: Rig;
beforeEach(async () => (rig = await Rig.make()));
afterEach(() => rig.close());

describe('block size', () => {
  it.each([
    ['512', 512],
    ['1K', 1024],
    ['1M', MIB],
    ['+64M', 64 * MIB],
    ['1G', 1024 * MIB],
  ])('%s is %d bytes', (text, bytes) => expect(parseBlockSize(text)).toBe(bytes));

  it.each(['', '0', '+0', '-1', '1.5M', '1Q', '1B', '1MB', '1Mi', '1k', ' 1M', '1M ', '01M'])(
    '%j is refused',
    (text) => expect(() => parseBlockSize(text)).toThrow(/not usable/),
  );

  it.each(['2G', '1T', '99999999999999999999'])('%s is more than one request moves', (text) =>
    expect(() => parseBlockSize(text)).toThrow(/at most/),
  );
});

it.each([
  [MIB, MIB, MIB],
  [8 * MIB, MIB, MIB],
  [9 * MIB + 512, MIB, 2 * MIB],
  [2 ** 40, MIB, 256 * MIB],
  [2 ** 40, 100 * MIB, 200 * MIB],
  [2 ** 40, 1024 * MIB, 1024 * MIB],
  [512, 4096, 4096],
  [2 ** 40, 999_999, 268 * 999_999],
])('a volume of %d in requests of %d is flushed every %d bytes', (total, block, range) =>
  expect(rangeBytesOf('dd', total, block)).toBe(range),
);

it.each([
  [64 * MIB, undefined, 32 * MIB],
  [64 * MIB, 5 * MIB, 10 * MIB],
  [64 * MIB, MIB, 8 * MIB],
  [2 ** 30, undefined, 512 * MIB],
  [2 ** 40, undefined, 512 * MIB],
  [2 ** 40, MIB, 512 * MIB],
])('of %d bytes with %d bytes a second, lanes go %d bytes ahead', (total, rate, range) =>
  expect(rangeBytesOf('direct', total, MIB, rate)).toBe(range),
);

it.each([
  [2 ** 40, 512 * MIB, MIB, Infinity, 64 * MIB],
  [2 ** 40, 512 * MIB, MIB, 10.5 * MIB, 10 * MIB],
  [2 ** 40, 512 * MIB, 100 * MIB, Infinity, 100 * MIB],
  [2 ** 25, 4 * MIB, MIB, Infinity, MIB],
  [2 ** 25, 4096, 512, Infinity, 512],
  [2 ** 40, 256 * MIB, 999_999, Infinity, 33 * 999_999],
  [2 ** 43, 512 * MIB, MIB, MIB, 32 * MIB],
  [2 ** 44, 512 * MIB, MIB, MIB, 64 * MIB],
])('of %d bytes, ranges of %d, requests of %d, %d bytes a second, a chunk is %d', (...given) => {
  const [bytesTotal, rangeBytes, blockBytes, rate, chunk] = given;
  expect(chunkBytesOf({ bytesTotal, rangeBytes, blockBytes }, 8, rate)).toBe(chunk);
});

async function ends(sourceBytes: number, destinationBytes: number) {
  const source = await rig.file('a', sourceBytes);
  return { source, destination: await rig.file('b', destinationBytes, 0xaa) };
}

describe('refuses, and changes nothing', () => {
  it('an empty source', async () =>
    expect(rig.plan(await ends(0, MIB))).rejects.toMatchObject({ code: 'BadSize' }));

  it('a destination that is smaller', async () =>
    expect(rig.plan(await ends(MIB, MIB - 512))).rejects.toMatchObject({
      code: 'DestinationTooSmall',
    }));

  it('one file under two names', async () => {
    const { source } = await ends(MIB, MIB);
    await symlink(source.path, rig.path('other'));
    const destination = { ...source, path: rig.path('other') };
    await expect(rig.plan({ source, destination })).rejects.toMatchObject({ code: 'SameVolume' });
  });

  it('an end of another size than was attached', async () => {
    const both = await ends(MIB, 2 * MIB);
    const destination = { ...both.destination, sizeBytes: 3 * MIB };
    await expect(rig.plan({ ...both, destination })).rejects.toMatchObject({ code: 'DeviceLost' });
  });

  it('a host without dd', async () => {
    const both = await ends(MIB, MIB);
    const path = process.env['PATH'];
    process.env['PATH'] = rig.directory;
    try {
      await expect(rig.plan(both)).rejects.toMatchObject({ code: 'ToolMissing' });
    } finally {
      process.env['PATH'] = path;
    }
  });
});

it('probes O_DIRECT without touching the destination', async () => {
  const both = await ends(3 * MIB + 512, 4 * MIB);
  const before = await digest(both.destination.path);
  const plan = await rig.plan(both);
  expect(plan).toMatchObject({ sourceDirect: { value: true }, destinationDirect: { value: true } });
  expect(await digest(both.destination.path)).toBe(before);
});

it('finds requests that O_DIRECT cannot take', async () => {
  const plan = await rig.plan(await ends(MIB, MIB), { blockSize: '1000' });
  expect(plan.sourceDirect).toMatchObject({ value: false });
  expect(plan.sourceDirect.because).toMatch(/whole pages/);
});

it('is not misled by holes, where direct reads come whatever their length', async () => {
  const hole = await rig.file('hole', 0);
  await truncate(hole.path, 4 * MIB);
  const { source } = await ends(4 * MIB, 4 * MIB);
  const both = { source, destination: { ...hole, sizeBytes: 4 * MIB } };
  const plan = await rig.plan(both, { blockSize: '4097' });
  expect(plan.destinationDirect.value).toBe(false);
  await runCopy(rig.run(plan, both));
  expect(await digest(hole.path)).toBe(await digest(source.path));
});

describe('lanes', () => {
  const volumes = { source: { backend: 'a', id: 'x' }, destination: { backend: 'b', id: 'y' } };
  const sizes = { rangeBytes: 512 * MIB, chunkBytes: 64 * MIB, minRequestBytes: MIB };

  it.each([
    [{ lanes: 8, lanesOf: {} }, 8, /this host/],
    [{ lanes: 8, lanesOf: { a: 9, b: 6, c: 1 } }, 6, /backend b/],
    [{ lanes: 8, lanesOf: { a: 2, b: 6 } }, 2, /backend a/],
    [{ lanes: 3, lanesOf: { a: 8 } }, 3, /this host/],
  ])('are the fewest that host and backends allow: %j', (settings, value, because) => {
    const configured = configuredLanes(settings, volumes);
    expect(configured).toEqual({ value, because: expect.stringMatching(because) as string });
    expect(chooseMaxLanes(configured, sizes).value).toBe(value);
  });

  it.each([
    [{ chunkBytes: 100 * MIB }, 5, /in doubt/],
    [{ minRequestBytes: 16 * MIB }, 2, /memory/],
    [{ minRequestBytes: 1024 * MIB }, 1, /memory/],
  ])('are fewer where they would not fit: %j', (more, value, because) => {
    const chosen = chooseMaxLanes({ value: 8, because: '' }, { ...sizes, ...more });
    expect(chosen).toEqual({ value, because: expect.stringMatching(because) as string });
  });

  it('keep the requests that were asked for, and else change their length', async () => {
    const both = await ends(32 * MIB, 32 * MIB);
    const asked = await rig.plan(both, { engine: 'direct', blockSize: '2M' });
    expect(asked).toMatchObject({
      minRequestBytes: 2 * MIB,
      maxRequestBytes: { value: 2 * MIB, because: 'asked for' },
    });
    const free = await rig.plan(both, { engine: 'direct' });
    expect(free).toMatchObject({
      blockBytes: MIB,
      chunkBytes: 2 * MIB,
      minRequestBytes: MIB / 4,
      maxRequestBytes: { value: 2 * MIB, because: expect.stringMatching(/chunk/) as string },
      maxLanes: { value: 8 },
    });
  });
});

describe('zeros', () => {
  it.each([
    ['dd', 'block', true, false, 'skip'],
    ['dd', 'block', false, false, 'write'],
    ['dd', 'file', false, false, 'write'],
    ['dd', 'file', true, true, 'write'],
    ['file', 'file', true, false, 'write'],
    ['direct', 'file', true, false, 'skip'],
    ['direct', 'file', true, true, 'write'],
    ['direct', 'file', false, false, 'discard'],
    ['direct', 'file', false, true, 'write'],
    ['direct', 'block', false, false, 'discard'],
    ['direct', 'block', false, true, 'write'],
    ['direct', 'block', true, false, 'skip'],
  ] as const)('%s onto a %s, which reads as zeros %s, encrypted %s: %s', async (...row) => {
    const [engine, kind, zeros, encrypted, handling] = row;
    const { source, destination: file } = await ends(MIB, MIB);
    const destination = kind === 'file' ? file : await rig.loop(file);
    const { planCopy } = await import('../../copy/plan.ts');
    const plan = await planCopy({
      ends: { source, destination },
      volumes: { source: { backend: 'a', id: 'a' }, destination: { backend: 'b', id: 'b' } },
      destinationReadsAsZeros: zeros,
      encrypted,
      options: { engine },
      host: { lanes: 8, lanesOf: {} },
    });
    expect(plan.zeros.value).toBe(handling);
    expect(plan.zeros.because).not.toBe('');
  });

  it.each([
    ['direct', 0, 'skip'],
    ['dd', 0, 'skip'],
    ['file', 0, 'write'],
    ['direct', 1, 'discard'],
  ] as const)('%s onto a file that is a hole but for %i bytes: %s', async (...row) => {
    const [engine, written, handling] = row;
    const { source } = await ends(MIB, MIB);
    const destination = { ...source, path: rig.path('hole') };
    await writeFile(destination.path, Buffer.alloc(written));
    await truncate(destination.path, MIB);
    const plan = await rig.plan({ source, destination }, { engine });
    expect(plan.zeros.value).toBe(handling);
  });

  it('of what qemu exports are made, for its holes may show anything', async () => {
    const { source } = await ends(MIB, MIB);
    const path = rig.path('behind');
    await writeFile(path, '');
    await truncate(path, MIB);
    const { device } = await servedByQemu(rig, { ...source, path });
    const plan = await rig.plan({ source, destination: device }, { engine: 'direct' });
    expect(plan.zeros.value).toBe('discard');
  });
});

/** Cinder's list: volume_utils._copy_volume_with_path with sync and sparse as given. */
function cinderArguments(bytes: number, bs: string, direct: boolean, sparse: boolean): string[] {
  const conv = [...(direct ? [] : ['fdatasync']), ...(sparse ? ['sparse'] : [])];
  return [
    'dd',
    'if=/dev/fd/3',
    'of=/dev/fd/4',
    `count=${bytes}`,
    `bs=${bs}`,
    `iflag=count_bytes${direct ? ',direct' : ''}`,
    ...(direct ? ['oflag=direct'] : []),
    ...(conv.length > 0 ? [`conv=${conv.join(',')}`] : []),
  ];
}

/** `iflag=a,b` as `iflag=a` and `iflag=b`, so that single words can be compared. */
const words = (args: string[]): string[] =>
  args.flatMap((arg) => {
    const [key = '', value] = arg.split('=');
    return /^(iflag|oflag|conv)$/.test(key) ? value!.split(',').map((v) => `${key}=${v}`) : [arg];
  });

describe.each([true, false])('dd arguments, O_DIRECT %s', (direct) => {
  it.each([true, false])("are Cinder's and the known additions, sparse %s", (sparse) => {
    const because = '';
    const plan = {
      engine: { value: 'dd' as const, because },
      bytesTotal: 8 * MIB,
      blockBytes: MIB,
      rangeBytes: MIB,
      chunkBytes: MIB,
      maxLanes: { value: 1, because },
      minRequestBytes: MIB,
      maxRequestBytes: { value: MIB, because },
      sourceDirect: { value: direct, because },
      destinationDirect: { value: direct, because },
      extents: { value: false, because },
      zeros: { value: 'write' as const, because },
      throttle: { value: 'none' as const, because },
    };
    const ours = words(ddArguments({ offset: 3 * MIB, length: MIB }, plan, sparse));
    const cinders = words(cinderArguments(MIB, String(MIB), direct, sparse));
    expect(cinders.filter((word) => !ours.includes(word))).toEqual([]);
    expect(ours.filter((word) => !cinders.includes(word)).sort()).toEqual(
      [
        ...['skip=3145728', 'seek=3145728', 'iflag=skip_bytes', 'oflag=seek_bytes'],
        ...['conv=notrunc', 'status=progress', ...(direct ? ['conv=fdatasync'] : [])],
      ].sort(),
    );
    const idle = { ...plan, ionice: { class: 2 as const, level: 7 } };
    expect(ddArguments({ offset: 0, length: MIB }, idle, sparse).slice(0, 4)).toEqual([
      ...['ionice', '-c2', '-n7', 'dd'],
    ]);
  });
});

it('takes lanes where they can work, else dd or plain reads and writes, and says why', async () => {
  const both = await ends(MIB, MIB);
  const auto = { engine: 'auto' } as const;
  expect((await rig.plan(both, auto)).engine.value).toBe('direct');
  const odd = await rig.plan(both, { ...auto, blockSize: '1000' });
  expect(odd.engine).toMatchObject({ value: 'dd', because: expect.stringContaining('1000') });
  const huge = await rig.plan(both, { ...auto, blockSize: '65M' });
  expect(huge.engine).toMatchObject({ value: 'dd', because: expect.stringContaining('at most') });
  await expect(rig.plan(both, { engine: 'direct', blockSize: '65M' })).rejects.toMatchObject({
    code: 'BadBlockSize',
  });
  const real = execFileSync('which', ['dd'], { encoding: 'utf8' }).trim();
  await mkdir(rig.path('bin'));
  const shim = `#!/bin/sh
case "$1 $3" in "if=${both.destination.path} count=0")
  echo "dd: failed to open '${both.destination.path}': Operation not permitted" >&2; exit 1;;
esac
exec ${real} "$@"
`;
  await writeFile(rig.path('bin/dd'), shim, { mode: 0o755 });
  vi.stubEnv('PATH', `${rig.path('bin')}:${process.env['PATH']}`);
  try {
    const { engine } = await rig.plan(both, auto);
    expect(engine.value).toBe('file');
    expect(engine.because).toContain('Operation not permitted');
  } finally {
    vi.unstubAllEnvs();
  }
});
