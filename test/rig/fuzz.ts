import fc from 'fast-check';
import { writeFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import type { ZodType } from 'zod';
import { DrayError, type ErrorCode } from '../../contract/errors.ts';
import { plantedFiles } from './planted.ts';

/** Something that reads what others wrote: a file, the output of a tool, what people type. */
export type Parser = {
  name: string;
  /** A real one, which has to be accepted. */
  sample: string | Buffer;
  parse: (bytes: Buffer) => unknown;
  /** What everything it answers has to be. */
  answers: ZodType;
  /** The errors it may throw. Default: none. */
  refuses?: readonly ErrorCode[];
};

const PLACES_OF_WORDS = /"[^"]*"|\d+|\w+/g;
/** What readers stumble over, wherever a word or a number is expected. */
const STUMBLING = [
  ...['', ' ', '\n', '\0', '-', '"', '\\', ':', ' - ', '../', '%s', '*x', '&x', '{}', '[]', 'null'],
  ...['0', '-1', '1.5', '1e999', 'NaN', '00', '0x10', '9007199254740993', '9'.repeat(20), '""'],
  ...['9'.repeat(400), '18446744073709551615', '__proto__', 'constructor', 'true', '\xff\xfe', 'é'],
].map((text) => Buffer.from(text));

function replaced(sample: Buffer, at: number, gone: number, put: Uint8Array): Buffer {
  return Buffer.concat([sample.subarray(0, at), put, sample.subarray(at + gone)]);
}

/** Anything at all, the sample cut off, and the sample with one change. */
export function damaged(sample: Buffer): fc.Arbitrary<Buffer> {
  const words = [...sample.toString('latin1').matchAll(PLACES_OF_WORDS)];
  const place = fc.nat(sample.length);
  const noise = fc.uint8Array({ maxLength: 8 });
  const word = fc.constantFrom(
    ...words.map((match) => ({ at: match.index, length: match[0].length })),
  );
  return fc.oneof(
    fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
    place.map((end) => sample.subarray(0, end)),
    fc.tuple(place, fc.nat(8), noise).map(([at, gone, put]) => replaced(sample, at, gone, put)),
    fc.tuple(place, fc.nat(7)).map(([at, bit]) => {
      return replaced(sample, at, 1, Buffer.from([(sample[at] ?? 0) ^ (1 << bit)]));
    }),
    fc.tuple(place, fc.nat(40)).map(([at, length]) => {
      return replaced(sample, at, 0, sample.subarray(at, at + length));
    }),
    fc.tuple(word, fc.constantFrom(...STUMBLING)).map(([{ at, length }, put]) => {
      return replaced(sample, at, length, put);
    }),
  );
}

/** Answers whether the parser took the bytes. Fails where it did neither take nor refuse them. */
async function tries({ parse, answers, refuses = [] }: Parser, bytes: Buffer): Promise<boolean> {
  let answer: unknown;
  try {
    answer = await parse(bytes);
  } catch (error) {
    if (!(error instanceof DrayError)) throw error;
    expect(refuses).toContain(error.code);
    return false;
  }
  const { error } = answers.safeParse(answer);
  if (error !== undefined) expect.fail(`${JSON.stringify(answer)}: ${error.message}`);
  return true;
}

/** Has the bytes read from a file. */
export const inFile =
  (path: string, read: () => unknown): Parser['parse'] =>
  (bytes) => {
    writeFileSync(path, bytes);
    return read();
  };

/** Has the bytes read in the place of a file of the kernel; its reader has to be mocked for that. */
export const inPlaceOf =
  (path: string, read: () => unknown): Parser['parse'] =>
  (bytes) => {
    plantedFiles.set(path, bytes);
    return read();
  };

/** A reader that waits for more than this long waits for ever. */
const PATIENCE_MILLISECONDS = 5000;

/**
 * One test for each: whatever it is given, a parser answers what it promises or refuses with an error
 * of the catalogue. A failure shows the seed that repeats it.
 */
export function itSurvives(parsers: readonly Parser[], numRuns = 300): void {
  it.each(parsers)('$name', async (parser) => {
    const sample = typeof parser.sample === 'string' ? Buffer.from(parser.sample) : parser.sample;
    expect(await tries(parser, sample)).toBe(true);
    const property = fc.asyncProperty(damaged(sample), async (bytes) => {
      await tries(parser, bytes);
    });
    await fc.assert(property, { numRuns, timeout: PATIENCE_MILLISECONDS });
  });
}
