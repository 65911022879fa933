/**
 * A program of its own: copies one range of what descriptor 3 points at to what descriptor 4 points
 * at, and says on standard output what was submitted, and what was flushed at the end. It imports nothing of the project,
 * so that it starts fast and can be killed at any point.
 */
import { fdatasyncSync, openSync, readSync, writeSync } from 'node:fs';

const CHUNK_BYTES = 4 * 2 ** 20;
const [SOURCE, DESTINATION] = ['/dev/fd/3', '/dev/fd/4'];

function fail(what: string, end: string, error: unknown): never {
  const reason = (error as NodeJS.ErrnoException).code ?? String(error);
  writeSync(2, `${what} '${end}': ${reason}\n`);
  process.exit(1);
}

function attempt<T>(what: string, end: string, act: () => T): T {
  try {
    return act();
  } catch (error) {
    return fail(what, end, error);
  }
}

const [offset, length] = process.argv.slice(2).map(Number) as [number, number];
const source = attempt('failed to open', SOURCE, () => openSync(SOURCE, 'r'));
const destination = attempt('failed to open', DESTINATION, () => openSync(DESTINATION, 'r+'));
const buffer = Buffer.alloc(CHUNK_BYTES);
let done = 0;
while (done < length) {
  const wanted = Math.min(CHUNK_BYTES, length - done);
  const at = offset + done;
  const read = attempt('error reading', SOURCE, () => readSync(source, buffer, 0, wanted, at));
  // The source is too short: the caller sees it by the count.
  if (read === 0) break;
  let written = 0;
  while (written < read) {
    const from = written;
    written += attempt('error writing', DESTINATION, () =>
      writeSync(destination, buffer, from, read - from, at + from),
    );
  }
  done += read;
  writeSync(1, `submitted ${done}\n`);
}
attempt('fdatasync failed for', DESTINATION, () => fdatasyncSync(destination));
writeSync(1, `flushed ${done}\n`);
