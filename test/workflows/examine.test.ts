import { expect, it } from 'vitest';
import { clockFinding } from '../../workflows/examine.ts';

const ASKED = 1_000_000;

it.each([
  ['a clock that agrees', ASKED + 100, 'ok', 'at most 0.9 s off'],
  ['one that is off by less than a certificate suffers from', ASKED - 4_900, 'ok', 'at most 5.9 s'],
  ['one that is behind', ASKED - 60_000, 'wrong', 'at least 60.0 s behind'],
  // Asked at any moment of that second: the whole of it may be the way there.
  ['one that is ahead', ASKED + 61_000, 'wrong', 'at least 60.0 s ahead of'],
])('%s is told by no more than is proved', (_, clockMs, state, words) => {
  const finding = clockFinding(clockMs, ASKED, ASKED + 1_000);
  expect(finding.state).toBe(state);
  expect(finding.sentence).toContain(words);
});
