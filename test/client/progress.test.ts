import { expect, it } from 'vitest';
import { renderSnapshot, snapshotOf } from '../../client/follow/progress.ts';
import { Rate } from '../../client/follow/rate.ts';
import { renderShown } from '../../client/render/show.ts';
import type { Described, PendingStep } from '../../client/temporal/describe.ts';

const MIB = 2 ** 20;

function describedWith(step: Partial<PendingStep>): Described {
  return {
    workflowId: 'copy/file:a',
    runId: 'run',
    type: 'copyVolume',
    state: 'running',
    phase: 'copying',
    host: 'mover',
    source: 'file:a',
    destination: 'file:b',
    needsDecision: false,
    startedAt: '2026-01-01T00:00:00.000Z',
    steps: [
      {
        id: '1',
        activity: 'copyData',
        queue: 'q',
        attempt: 1,
        running: true,
        worker: 'w',
        ...step,
      },
    ],
  };
}

const beatAt = (second: number, bytesFlushed: number) => ({
  at: new Date(second * 1000),
  progress: { bytesFlushed, bytesTotal: 100 * MIB },
});

it('tells rate and ETA while bytes are flushed', () => {
  const rate = new Rate();
  snapshotOf(describedWith({ beat: beatAt(0, 0) }), rate);
  const snapshot = snapshotOf(describedWith({ beat: beatAt(2, 20 * MIB) }), rate);
  const line = 'copying 20% 20 MiB of 100 MiB, 10 MiB/s, ETA 0:08';
  expect(renderSnapshot(snapshot, rate)).toBe(line);
});

it('promises no end between two attempts, and tells why the last one failed', () => {
  const rate = new Rate();
  snapshotOf(describedWith({ beat: beatAt(0, 0) }), rate);
  const failed = { running: false, attempt: 2, lastFailure: 'the source device is gone' };
  const snapshot = snapshotOf(describedWith({ ...failed, beat: beatAt(2, 20 * MIB) }), rate);
  const line = 'copying 20% 20 MiB of 100 MiB, attempt 2: the source device is gone';
  expect(renderSnapshot(snapshot, rate)).toBe(line);
});

it('tells a failing step that moves no bytes', () => {
  const failing = { attempt: 3, activity: 'connectVolume', lastFailure: 'no answer' };
  const described = { ...describedWith(failing), phase: 'attaching' };
  const rate = new Rate();
  expect(renderSnapshot(snapshotOf(described, rate), rate)).toBe('attaching, attempt 3: no answer');
});

it('tells a wait before the next attempt from one for a worker', () => {
  const shown = (step: Partial<PendingStep>) => renderShown(describedWith(step));
  expect(shown({})).toContain('attempt 1, on w');
  expect(shown({ running: false })).toContain('waits for a worker');
  const retryAt = new Date('2026-01-01T00:00:09.000Z');
  expect(shown({ running: false, retryAt })).toContain('begins at 2026-01-01T00:00:09.000Z');
});
