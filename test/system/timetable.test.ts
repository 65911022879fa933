import { describe, expect, it } from 'vitest';
import { limitAt, parseTimetable, slowestOf } from '../../system/config/timetable.ts';

const MIB = 2 ** 20;
const at = (text: string, time: string) =>
  limitAt(parseTimetable(text), new Date(`2026-03-04T${time}:30`));

describe('a timetable', () => {
  const night = '22:00-06:00 unlimited, else 100MiB/s';

  it.each([
    [night, '21:59', 100 * MIB],
    [night, '22:00', 'unlimited'],
    [night, '00:00', 'unlimited'],
    [night, '05:59', 'unlimited'],
    [night, '06:00', 100 * MIB],
    ['08:00-18:00 10MiB/s, 12:00-13:00 50MiB', '12:30', 10 * MIB],
    ['12:00-13:00 50MiB, 8:00-18:00 10MiB/s', '12:30', 50 * MIB],
    ['18:00-24:00 1000', '23:59', 1000],
    ['18:00-24:00 1000', '00:00', undefined],
    ['else unlimited', '10:00', 'unlimited'],
  ])('%s at %s: %s', (text, time, limit) => expect(at(text, time)).toBe(limit));

  it.each([
    ['', 'is not of the form'],
    ['22:00 100MiB/s', '"22:00 100MiB/s" is not of the form'],
    ['25:00-06:00 100MiB/s', 'times go from 00:00 to 24:00'],
    ['22:60-06:00 100MiB/s', 'times go from 00:00 to 24:00'],
    ['24:00-06:00 100MiB/s', 'times go from 00:00 to 24:00'],
    ['22:00-22:00 1MiB/s', 'nothing lies between'],
    ['22:00-06:00 fast', 'nor unlimited'],
    ['22:00-06:00 10MB/s', 'unit "MB" is not one of'],
    ['22:00-06:00 0', 'nothing would be copied'],
    ['else 1MiB/s, 22:00-06:00 unlimited', 'is not of the form'],
  ])('%j is refused: %s', (text, because) => {
    expect(() => parseTimetable(text)).toThrow(because);
  });

  it('knows its lowest limit', () => {
    expect(slowestOf(parseTimetable('1:00-2:00 5, 2:00-3:00 3, else unlimited'))).toBe(3);
    expect(slowestOf(parseTimetable('else unlimited'))).toBeUndefined();
  });
});
