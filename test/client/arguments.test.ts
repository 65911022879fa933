import { describe, expect, it } from 'vitest';
import {
  readIonice,
  readRate,
  readSize,
  readStandby,
  readWorkflowId,
} from '../../client/arguments.ts';

describe('readSize', () => {
  it.each([
    ['512', 512],
    ['512B', 512],
    ['1KiB', 1024],
    ['10GiB', 10 * 2 ** 30],
    ['2 TiB', 2 * 2 ** 40],
  ])('reads %s', (text, bytes) => {
    expect(readSize(text)).toBe(bytes);
  });

  it.each(['', '0', '511', '1.5GiB', '-1', '10GB', '10G', 'GiB', '1e3', '99999999PiB'])(
    'refuses %j',
    (text) => {
      expect(() => readSize(text)).toThrow(expect.objectContaining({ code: 'BadSize' }));
    },
  );
});

describe('readRate', () => {
  it('reads a rate with and without /s', () => {
    expect(readRate('--limit', '100MiB/s')).toBe(100 * 2 ** 20);
    expect(readRate('--limit', '1000')).toBe(1000);
  });

  it.each(['0', '100MB/s', 'fast', ''])('refuses %j', (text) => {
    expect(() => readRate('--limit', text)).toThrow(expect.objectContaining({ code: 'BadOption' }));
  });
});

describe('readStandby', () => {
  it('reads hosts in their order', () => {
    expect(readStandby('a', 'c,b')).toEqual(['c', 'b']);
  });

  it.each(['', 'b,', 'a', 'b,a', 'b,b'])('refuses %j', (text) => {
    expect(() => readStandby('a', text)).toThrow(expect.objectContaining({ code: 'BadOption' }));
  });
});

describe('readIonice', () => {
  it.each([
    ['idle', { class: 3 }],
    ['2', { class: 2 }],
    ['best-effort:7', { class: 2, level: 7 }],
    ['realtime:0', { class: 1, level: 0 }],
  ])('reads %s', (text, expected) => {
    expect(readIonice(text)).toEqual(expected);
  });

  it.each(['', '0', 'none', 'idle:1', '2:8', '2:', '2:1:1'])('refuses %j', (text) => {
    expect(() => readIonice(text)).toThrow(expect.objectContaining({ code: 'BadOption' }));
  });
});

describe('readWorkflowId', () => {
  it('takes a volume for the copy of that source, anything else as it is', () => {
    expect(readWorkflowId('file:disk1')).toBe('copy/file:disk1');
    expect(readWorkflowId('copy/file:disk1')).toBe('copy/file:disk1');
    expect(readWorkflowId('release/copy.file.a.1.source.0')).toBe('release/copy.file.a.1.source.0');
  });
});
