import { execFile } from 'node:child_process';
import { randomBytes, randomInt } from 'node:crypto';
import { expect, it } from 'vitest';
import { type DdLine, DdStatus } from '../../copy/dd-status.ts';

const REAL = [
  '\r1048576 bytes (1.0 MB, 1.0 MiB) copied, 1 s, 1.0 MB/s',
  '\r734003200 bytes (734 MB, 700 MiB) copied, 2 s, 367 MB/s',
  '\r734003712 bytes (734 MB, 700 MiB) copied, 3 s, 245 MB/s   ',
  '\n700+1 records in\n700+1 records out\n',
  '734004224 bytes (734 MB, 700 MiB) copied, 3.01235 s, 244 MB/s\n',
].join('');

const READ: DdLine[] = [
  { kind: 'progress', bytes: 1048576 },
  { kind: 'progress', bytes: 734003200 },
  { kind: 'progress', bytes: 734003712 },
  { kind: 'records', direction: 'in', full: 700, partial: 1 },
  { kind: 'records', direction: 'out', full: 700, partial: 1 },
  { kind: 'closing', bytes: 734004224 },
];

function feed(bytes: Buffer, cuts: number[] = []): DdLine[] {
  const status = new DdStatus();
  const edges = [0, ...cuts.sort((a, b) => a - b), bytes.length];
  const pieces = edges.slice(1).map((end, i) => bytes.subarray(edges[i], end));
  return [...pieces.flatMap((piece) => status.push(piece)), ...status.end()];
}

it('reads a whole run, split anywhere', () => {
  const bytes = Buffer.from(REAL);
  for (let cut = 0; cut <= bytes.length; cut += 1) expect(feed(bytes, [cut])).toEqual(READ);
  for (let i = 0; i < 300; i += 1) {
    const cuts = Array.from({ length: randomInt(1, 30) }, () => randomInt(bytes.length + 1));
    expect(feed(bytes, cuts)).toEqual(READ);
  }
});

it('tells a progress line before the next one ends it', () => {
  const status = new DdStatus();
  expect(status.push(Buffer.from('\r512 bytes copied, 1 s, 0.5 kB/s'))).toEqual([
    { kind: 'progress', bytes: 512 },
  ]);
});

it.each([0, 1, 512, 999, 1000, 1024, 123456, 40_000_000])('reads the real dd: %d', async (n) => {
  const stderr = await new Promise<string>((resolve) => {
    const args = ['if=/dev/zero', 'of=/dev/null', 'bs=64K', `count=${n}`, 'iflag=count_bytes'];
    execFile('dd', args, { env: { ...process.env, LC_ALL: 'C' } }, (_, __, text) => resolve(text));
  });
  expect(feed(Buffer.from(stderr)).at(-1)).toEqual({ kind: 'closing', bytes: n });
});

it.each([
  '1048576 Bytes (1,0 MB, 1,0 MiB) kopiert, 1 s, 1,0 MB/s',
  '1048576 octets (1,0 MB, 1,0 MiB) copiés, 1 s, 1,0 MB/s',
  '1048576 bytes (1,0 MB, 1,0 MiB) copied, 1 s, 1,0 MB/s',
  '99999999999999999999 bytes copied, 1 s, 1 B/s',
  '9999999999999999 bytes copied, 1 s, 1 B/s',
  '-5 bytes copied, 1 s, 1 B/s',
  '0x10 bytes copied, 1 s, 1 B/s',
  '1 bytes copied, 1 s, 1 B/s',
  '512 byte copied, 1 s, 512 B/s',
  '512 bytes copied, 1 s, 512 B',
  '512 bytes copied, 1 s, 512 B/s trailing',
  ' 512 bytes copied, 1 s, 512 B/s',
  '1+0 records inside',
  '1+0 Datensätze ein',
  'sh: 1: exec: dd: not found',
])('refuses %j', (line) => {
  for (const kind of feed(Buffer.from(`${line}\n`)).map((read) => read.kind)) {
    expect(kind).toBe('unreadable');
  }
  expect(feed(Buffer.from(`${line}\n`))).toHaveLength(1);
});

it('never reports a number from a cut line', () => {
  const line = '\r734003200 bytes (734 MB, 700 MiB) copied, 12 s, 367 MB/s';
  for (let end = 0; end < line.length; end += 1) {
    const numbers = feed(Buffer.from(line.slice(0, end))).filter((l) => l.kind === 'progress');
    expect(numbers).toEqual([]);
  }
});

it('survives noise and keeps reading after it', () => {
  for (let i = 0; i < 500; i += 1) {
    const noise = randomBytes(randomInt(0, 9000));
    const read = feed(Buffer.concat([noise, Buffer.from(`\n${REAL}`)]), [randomInt(500)]);
    expect(read.slice(-READ.length)).toEqual(READ);
    const invented = read.slice(0, -READ.length);
    expect(invented.every((line) => line.kind === 'unreadable')).toBe(true);
  }
});

it('keeps no more than a line of endless noise', () => {
  const status = new DdStatus();
  const read = Array.from({ length: 100 }, () => status.push(Buffer.alloc(5000, 0x41))).flat();
  expect(read.length).toBe(1);
  const after = status.push(Buffer.from(`5 bytes copied, 1 s, 5 B/s\n${REAL}`));
  expect([...after, ...status.end()]).toEqual(READ);
});

it("passes on dd's own words", () => {
  expect(feed(Buffer.from("dd: error reading '/dev/fd/3': Input/output error\n"))).toEqual([
    { kind: 'message', text: "error reading '/dev/fd/3': Input/output error" },
  ]);
});
