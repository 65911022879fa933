import { expect, it } from 'vitest';
import { Gate } from '../../copy/lanes/gate.ts';

const LANES = 5;

it('under a rate lets the lanes of the first chunks go first, as many as have turns', () => {
  const gate = new Gate(LANES);
  [7, 3, 9, 4].forEach((chunk, lane) => gate.enter(lane, chunk));
  const whoMayPass = (): number[] =>
    Array.from({ length: LANES - 1 }, (_, lane) => lane).filter((lane) => gate.isTurnOf(lane));
  gate.turns = 1;
  expect(whoMayPass()).toEqual([1]);
  gate.turns = 2;
  expect(whoMayPass()).toEqual([1, 3]);
  // Its chunk is done, and it has none.
  gate.enter(1, 0);
  expect(gate.isTurnOf(3)).toBe(true);
  expect(gate.isTurnOf(0)).toBe(true);
  expect(gate.isTurnOf(2)).toBe(false);
});

it('is the same one for every thread that has its memory', () => {
  const gate = new Gate(LANES);
  const lane = new Gate(gate.memory);
  lane.enter(LANES - 1, 2);
  gate.turns = 0;
  expect(gate.isTurnOf(LANES - 1)).toBe(false);
  gate.turns = 1;
  expect(lane.isTurnOf(LANES - 1)).toBe(true);
  lane.count(2 ** 40);
  expect(gate.moved).toBe(2 ** 40);
});

it('without a rate nobody waits for a turn; once stopped nobody passes', () => {
  const gate = new Gate(LANES);
  gate.turns = 0;
  gate.enter(0, 1);
  expect(gate.pass(0, 2 ** 20)).toBe(true);
  gate.fill(1);
  gate.stop();
  expect(gate.pass(0, 1)).toBe(false);
});
