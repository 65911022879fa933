import { parseBytes, parseRate } from '../contract/bytes.ts';
import type { IoPriority } from '../contract/copy.ts';
import { DrayError } from '../contract/errors.ts';
import { copyWorkflowId } from '../contract/ids.ts';
import { parseVolume, SECTOR_BYTES, type VolumeRef } from '../contract/volume.ts';

/** A volume's size in bytes. @throws BadSize */
export function readSize(text: string): number {
  const bytes = parseBytes(text);
  if (typeof bytes === 'string') throw new DrayError('BadSize', { size: text, because: bytes });
  if (bytes === 0) throw new DrayError('BadSize', { size: text, because: 'it is nothing' });
  if (bytes % SECTOR_BYTES !== 0) {
    const because = `it is not a multiple of ${SECTOR_BYTES} bytes`;
    throw new DrayError('BadSize', { size: text, because });
  }
  return bytes;
}

/** Bytes a second, from `100MiB/s` or `100MiB`. @throws BadOption */
export function readRate(option: string, text: string): number {
  const rate = parseRate(text);
  if (typeof rate === 'string') throw new DrayError('BadOption', { option, because: rate });
  return rate;
}

const IONICE_CLASSES = new Map<string, IoPriority['class']>([
  ...([1, 2, 3] as const).map((n): [string, IoPriority['class']] => [String(n), n]),
  ['realtime', 1],
  ['best-effort', 2],
  ['idle', 3],
]);

/** `class[:level]` in the words or numbers of ionice(1). @throws BadOption */
export function readIonice(text: string): IoPriority {
  const refuse = (because: string): DrayError =>
    new DrayError('BadOption', { option: '--ionice', because });
  const [name = '', level, ...rest] = text.split(':');
  const ioClass = IONICE_CLASSES.get(name);
  if (ioClass === undefined || rest.length > 0) {
    throw refuse(
      `"${text}" is not realtime, best-effort or idle (or 1, 2, 3) with an optional :level`,
    );
  }
  if (level === undefined) return { class: ioClass };
  if (ioClass === 3) throw refuse('class idle has no level');
  if (!/^[0-7]$/.test(level)) throw refuse(`level "${level}" is not 0 to 7`);
  return { class: ioClass, level: Number(level) };
}

/** @throws BadVolumeName */
export function readVolume(text: string): VolumeRef {
  const volume = parseVolume(text);
  if (volume === undefined) throw new DrayError('BadVolumeName', { text });
  return volume;
}

/** A workflow id, which may be written as the source volume of a copy. */
export function readWorkflowId(text: string): string {
  const volume = parseVolume(text);
  return volume === undefined ? text : copyWorkflowId(volume);
}

/** Host ids with commas between them, without the host that copies at first. @throws BadOption */
export function readStandby(host: string, text: string): string[] {
  const refuse = (because: string): DrayError =>
    new DrayError('BadOption', { option: '--standby', because });
  const standby = text.split(',');
  if (standby.includes('')) throw refuse('a host is named by its id');
  if (standby.includes(host)) throw refuse(`${host} is the host that copies at first`);
  if (new Set(standby).size < standby.length) throw refuse('each host stands by once');
  return standby;
}
