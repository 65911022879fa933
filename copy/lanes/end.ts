import { constants, openSync, readSync, writeSync } from 'node:fs';
import type { Role } from '../../contract/volume.ts';
import { ALIGNMENT } from './alignment.ts';

const WASM_PAGE_BYTES = 65_536;

/** Descriptors of one end, shared by the lanes of a process. */
export type LaneEnd = {
  /** As failedEnd reads it. */
  path: string;
  buffered: number;
  /** With O_DIRECT; for requests that are aligned. */
  direct?: number;
};

/** What went wrong with an end, in the form that failedEnd reads. */
export class EndError extends Error {
  /** Missing where the system did not refuse. */
  readonly errno: string | undefined;

  constructor(what: string, path: string, error: unknown) {
    const errno = (error as NodeJS.ErrnoException).code;
    super(`${what} '${path}': ${errno ?? (error as Error).message}`);
    this.errno = errno;
  }
}

function attempt<T>(what: string, path: string, act: () => T): T {
  try {
    return act();
  } catch (error) {
    throw new EndError(what, path, error);
  }
}

/** @throws EndError */
export function openEnd(role: Role, direct: boolean, access: number): LaneEnd {
  const path = role === 'source' ? '/dev/fd/3' : '/dev/fd/4';
  return attempt('failed to open', path, () => ({
    path,
    buffered: openSync(path, access),
    ...(direct ? { direct: openSync(path, access | constants.O_DIRECT) } : {}),
  }));
}

/** Declared here because the compiler has it only among a browser's types. */
declare const WebAssembly: {
  Memory: new (pages: { initial: number }) => { readonly buffer: ArrayBuffer };
};

/** Memory that starts at a page: Buffer's does not, and O_DIRECT refuses it. */
export function alignedBytes(length: number): Uint8Array<ArrayBuffer> {
  const memory = new WebAssembly.Memory({ initial: Math.ceil(length / WASM_PAGE_BYTES) });
  return new Uint8Array(memory.buffer, 0, length);
}

/** A tail that is not aligned goes through the page cache, on whatever kind of end. */
function descriptorFor(end: LaneEnd, from: number, length: number, offset: number): number {
  const aligned = [from, length, offset].every((number) => number % ALIGNMENT === 0);
  return aligned ? (end.direct ?? end.buffered) : end.buffered;
}

/** Fills the memory from an offset. @throws EndError, also where the end is too short */
export function readAt(end: LaneEnd, memory: Uint8Array, offset: number): void {
  for (let done = 0; done < memory.length;) {
    const [at, length] = [offset + done, memory.length - done];
    const descriptor = descriptorFor(end, done, length, at);
    const read = attempt('error reading', end.path, () =>
      readSync(descriptor, memory, done, length, at),
    );
    if (read === 0) throw new EndError('error reading', end.path, new Error(`it ends at ${at}`));
    done += read;
  }
}

/** Writes the memory to an offset. @throws EndError */
export function writeAt(end: LaneEnd, memory: Uint8Array, offset: number): void {
  for (let done = 0; done < memory.length;) {
    const [at, length] = [offset + done, memory.length - done];
    const descriptor = descriptorFor(end, done, length, at);
    done += attempt('error writing', end.path, () =>
      writeSync(descriptor, memory, done, length, at),
    );
  }
}
