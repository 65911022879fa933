import { describe, expect, it } from 'vitest';
import type { LaneLimits } from '../../copy/lanes/climb.ts';
import { SimulatedCopy, type Traits } from './simulated-device.ts';

const KIB = 2 ** 10;
const MIB = 2 ** 20;
const LIMITS: LaneLimits = {
  maxLanes: 16,
  minRequestBytes: 256 * KIB,
  maxRequestBytes: 8 * MIB,
};
/** Requests as long as they are asked to be. */
const FIXED = { ...LIMITS, minRequestBytes: MIB, maxRequestBytes: MIB };

/** MiB a second as bytes a ms. */
const mibs = (perSecond: number): number => (perSecond * MIB) / 1000;

const FAR: Traits = { latency: 20, bandwidth: mibs(2000) };
const NEAR: Traits = { latency: 0.1, bandwidth: mibs(200) };

function copy(traits: Traits, limits = FIXED): SimulatedCopy {
  return new SimulatedCopy(traits, limits);
}

const changes = ({ settings }: SimulatedCopy): number =>
  settings.filter(({ lanes, requestBytes }, i) => {
    const before = settings[i - 1];
    return lanes !== before?.lanes || requestBytes !== before.requestBytes;
  }).length;

it('starts low and climbs as far as it may where requests take their time', () => {
  const far = copy(FAR);
  far.run(0.1);
  expect(far.climb.setting).toEqual({ lanes: 2, requestBytes: MIB });
  far.run(5);
  expect(far.climb.settled).toEqual({ lanes: 16, requestBytes: MIB });
});

it('lengthens requests where more lanes are not allowed', () => {
  const far = copy(FAR, { ...LIMITS, maxLanes: 2 });
  far.run(10);
  expect(far.climb.settled).toEqual({ lanes: 2, requestBytes: 8 * MIB });
});

it('is worth it in a copy of ten seconds already', () => {
  const fixed = copy(FAR, { ...FIXED, maxLanes: 2 }).run(10);
  expect(copy(FAR).run(10)).toBeGreaterThan(6 * fixed);
});

it.each([0, 0.05, 0.2])('stays low where bandwidth is the limit, noise %d, and rests', (noise) => {
  const near = copy({ ...NEAR, noise }, LIMITS);
  near.run(10);
  const { settled } = near.climb;
  expect(settled.lanes).toBe(2);
  const before = changes(near);
  const rate = near.run(600);
  // What is as good may be taken for better once, if measurements are noisy enough.
  expect(near.climb.settled.lanes).toBeLessThanOrEqual(2);
  // It looks in four directions and comes back, at most once a minute but for the first ones.
  expect(changes(near) - before).toBeLessThan(15 * 4 * 2);
  expect(rate).toBeGreaterThan(0.98 * NEAR.bandwidth);
});

it('climbs no further than to where lanes are in the way of each other', () => {
  const both = copy({ latency: 10, bandwidth: mibs(600), collapse: { above: 6, each: 1 } });
  both.run(60);
  expect(both.climb.settled.lanes).toBe(4);
  // 4 MiB every 10 ms and what they take of the bandwidth.
  expect(both.run(60)).toBeGreaterThan(0.9 * mibs(4000 / (10 + 1000 / 600)));
});

describe('storage that becomes another', () => {
  it('farther: more lanes', () => {
    const device = copy(NEAR);
    device.run(30);
    expect(device.climb.settled.lanes).toBe(2);
    device.traits = FAR;
    device.run(10);
    expect(device.climb.settled.lanes).toBe(16);
  });

  it('unable to take so many lanes: fewer', () => {
    const device = copy(FAR);
    device.run(30);
    expect(device.climb.settled.lanes).toBe(16);
    device.traits = { ...NEAR, collapse: { above: 2, each: 0.5 } };
    device.run(60);
    expect(device.climb.settled.lanes).toBe(2);
  });

  it('faster, and then slower', () => {
    const device = copy({ latency: 5, bandwidth: mibs(300) });
    device.run(30);
    const few = device.climb.settled.lanes;
    device.traits = { latency: 5, bandwidth: mibs(3000) };
    device.run(30);
    expect(device.climb.settled.lanes).toBeGreaterThan(few);
    device.traits = { latency: 5, bandwidth: mibs(30) };
    expect(device.run(60)).toBeGreaterThan(0.95 * mibs(30));
  });
});

describe('a limit', () => {
  it('is not taken for the end of what storage can', () => {
    const device = copy(FAR);
    device.limit = mibs(20);
    device.run(60);
    expect(device.climb.settled).toEqual({ lanes: 2, requestBytes: MIB });
    device.limit = Infinity;
    device.run(5);
    expect(device.climb.settled.lanes).toBe(16);
  });

  it('that comes later leaves what was settled on', () => {
    const device = copy(FAR);
    device.run(5);
    device.limit = mibs(20);
    device.run(120);
    expect(device.climb.settled.lanes).toBe(16);
  });

  it('of nothing, a pause, neither', () => {
    const device = copy(FAR);
    device.run(5);
    device.isPaused = true;
    expect(device.run(120)).toBeLessThan(mibs(1));
    device.isPaused = false;
    device.run(5);
    expect(device.climb.settled.lanes).toBe(16);
  });
});

const DEVICES: Traits[] = [FAR, NEAR, { ...FAR, noise: 0.5 }, { ...NEAR, noise: 0.9 }];

it.each(DEVICES)('never goes beyond its limits: %j', (traits) => {
  for (const limits of [LIMITS, FIXED, { ...LIMITS, maxLanes: 1 }, { ...LIMITS, maxLanes: 6 }]) {
    const device = copy(traits, limits);
    device.run(120);
    for (const { lanes, requestBytes } of device.settings) {
      expect(lanes).toBeGreaterThanOrEqual(1);
      expect(lanes).toBeLessThanOrEqual(limits.maxLanes);
      expect(requestBytes).toBeGreaterThanOrEqual(limits.minRequestBytes);
      expect(requestBytes).toBeLessThanOrEqual(limits.maxRequestBytes);
      expect(requestBytes % 4096).toBe(0);
    }
  }
});

it.each(DEVICES)('does the same every time: %j', (traits) => {
  const [one, other] = [copy(traits, LIMITS), copy(traits, LIMITS)];
  expect(one.run(60)).toBe(other.run(60));
  expect(one.settings).toEqual(other.settings);
});

describe('a limit that changes', () => {
  it('is kept at once when it becomes lower, and climbed up to when it becomes higher', () => {
    const far = copy(FAR);
    far.run(5);
    far.climb.limit(3);
    expect(far.climb.setting).toEqual({ lanes: 3, requestBytes: MIB });
    far.run(5);
    expect(far.climb.settled).toEqual({ lanes: 3, requestBytes: MIB });
    far.climb.limit(100);
    far.run(8);
    expect(far.climb.settled).toEqual({ lanes: 16, requestBytes: MIB });
  });

  it('has one lane at least', () => {
    const far = copy(FAR);
    far.climb.limit(0);
    expect(far.climb.setting.lanes).toBe(1);
  });
});
