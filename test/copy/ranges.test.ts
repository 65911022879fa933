import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { ByteRange } from '../../contract/copy.ts';
import { addRange, enclosed, missingBytes, sumBytes } from '../../copy/ranges.ts';

const ranges: fc.Arbitrary<ByteRange[]> = fc
  .array(fc.record({ offset: fc.nat(500), length: fc.integer({ min: 1, max: 20 }) }))
  .map((all) => all.reduce<ByteRange[]>(addRange, []));

it('fewer ranges have all of the merged ones in them', () => {
  const property = fc.property(ranges, fc.integer({ min: 1, max: 12 }), (merged, most) => {
    const few = enclosed(merged, most);
    expect(few.length).toBe(Math.min(most, merged.length));
    expect(few.reduce<ByteRange[]>(addRange, [])).toEqual(few);
    for (const range of merged) expect(missingBytes(few, range)).toBe(0);
    if (merged.length <= most) expect(few).toEqual(merged);
  });
  fc.assert(property, { numRuns: 500 });
});

it('the narrowest gaps are filled', () => {
  const merged = [0, 10, 100, 109, 200].map((offset) => ({ offset, length: 5 }));
  const few = enclosed(merged, 3);
  expect(few).toEqual([
    { offset: 0, length: 15 },
    { offset: 100, length: 14 },
    { offset: 200, length: 5 },
  ]);
  expect(sumBytes(few) - sumBytes(merged)).toBe(9);
});
