import { execa } from 'execa';

const MIB = 2 ** 20;

/**
 * What the source holds. `dense`: random bytes all through. `half-zero`: the second, fourth, … 64 MiB
 * are zeros, written as data, so that no question for extents finds them. `sparse`: holes, with
 * random data in 16 pieces at equal distances.
 */
export type Content = 'dense' | 'half-zero' | 'sparse';

export const CONTENTS: readonly Content[] = ['dense', 'half-zero', 'sparse'];

const STRETCH_BYTES = 64 * MIB;
const PIECES = 16;

/** Bytes of the volume; `dataBytes` are those of a dense one. */
export function volumeBytes(content: Content, dataBytes: number, isLocalFile: boolean): number {
  if (content !== 'sparse') return dataBytes;
  return (isLocalFile ? 1024 : 16) * dataBytes;
}

async function write(from: string, to: string, at: number, length: number): Promise<void> {
  const how = [
    'bs=4M',
    'iflag=count_bytes,fullblock',
    'oflag=seek_bytes',
    'conv=notrunc,fdatasync',
  ];
  await execa('dd', [`if=${from}`, `of=${to}`, `seek=${at}`, `count=${length}`, ...how]);
}

async function randomPieces(file: string, sizeBytes: number, dataBytes: number): Promise<void> {
  const [piece, distance] = [dataBytes / PIECES, sizeBytes / PIECES];
  for (let at = 0; at < sizeBytes; at += distance) await write('/dev/urandom', file, at, piece);
}

/** Fills an empty file of the volume's size. */
export async function fillSource(
  file: string,
  content: Content,
  sizeBytes: number,
  dataBytes: number,
): Promise<void> {
  if (content === 'sparse') return randomPieces(file, sizeBytes, dataBytes);
  await write('/dev/urandom', file, 0, sizeBytes);
  if (content === 'dense') return;
  for (let at = STRETCH_BYTES; at < sizeBytes; at += 2 * STRETCH_BYTES) {
    await write('/dev/zero', file, at, Math.min(STRETCH_BYTES, sizeBytes - at));
  }
}

/** Without data, as a new volume is: zeros may be left out when it is copied to. */
export async function makeNew(file: string, sizeBytes: number): Promise<void> {
  await execa('truncate', [`--size=${sizeBytes}`, file]);
  await execa('fallocate', ['--punch-hole', '--offset=0', `--length=${sizeBytes}`, file]);
}

/** Full of other data than the source's, all its blocks allocated. */
export async function makeOld(file: string, sizeBytes: number, old: string): Promise<void> {
  await execa('truncate', [`--size=${sizeBytes}`, file]);
  await write(old, file, 0, sizeBytes);
}

/** Whether both files read the same all through; holes need not be read for that. */
export async function areEqual(one: string, other: string): Promise<boolean> {
  const compare = ['compare', '-q', '-f', 'raw', '-F', 'raw', one, other];
  const { exitCode, stderr } = await execa('qemu-img', compare, { reject: false });
  if (exitCode === 0 || exitCode === 1) return exitCode === 0;
  throw new Error(`${one} and ${other} cannot be compared: ${stderr}`);
}
