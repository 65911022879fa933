/** One line of GNU dd's standard error. */
export type DdLine =
  /** While it copies: bytes handed to the destination so far. */
  | { kind: 'progress'; bytes: number }
  | { kind: 'records'; direction: 'in' | 'out'; full: number; partial: number }
  /** The last line; it follows the records and is exact. */
  | { kind: 'closing'; bytes: number }
  /** dd's own words about a failure, without its name. */
  | { kind: 'message'; text: string }
  /** Refused: not a line of dd 9 in the C locale. Never guessed at. */
  | { kind: 'unreadable'; text: string };

const SIZE = /^(?:\d+(?:\.\d+)? (?:[kMGTPE]?B|[KMGTPE]iB))$/;
const COPIED =
  /^(\d{1,16}) (bytes?)(?: \(([^()]{1,60})\))? copied, (\d+(?:\.\d+)?(?:e[-+]\d+)?) s, (?:\d+(?:\.\d+)? [kMGTPE]?B|Infinity B)\/s *$/;
const RECORDS = /^(\d{1,16})\+(\d{1,16}) records (in|out)$/;
const MESSAGE = /^dd: ([\x20-\x7e]+)$/;
const MAX_LINE = 4096;

function readCopied(line: string): number | undefined {
  const match = COPIED.exec(line);
  if (match === null) return undefined;
  const bytes = Number(match[1]);
  const sizes = match[3]?.split(', ') ?? [];
  const singular = match[2] === 'byte';
  const plausible =
    Number.isSafeInteger(bytes) &&
    singular === (bytes === 1) &&
    sizes.length <= 2 &&
    sizes.every((size) => SIZE.test(size));
  return plausible ? bytes : undefined;
}

/** Reads dd's standard error as it comes, split anywhere. Keeps at most one line. */
export class DdStatus {
  #rest = '';
  #recordsOut = false;
  /** The rest was complete already, though its end had not come: dd ends a line with the next. */
  #early = false;
  #tooLong = false;

  push(chunk: Buffer): DdLine[] {
    // Bytes, not characters: what is not ASCII is refused line by line.
    const lines = (this.#rest + chunk.toString('latin1')).split(/[\r\n]/);
    const rest = lines.pop() ?? '';
    const read = lines.flatMap((line) => this.#complete(line));
    if (rest.length > MAX_LINE) {
      if (!this.#tooLong) read.push({ kind: 'unreadable', text: rest.slice(0, MAX_LINE) });
      this.#tooLong = true;
      this.#rest = '';
      return read;
    }
    this.#rest = rest;
    if (!this.#early && !this.#tooLong && !this.#recordsOut) {
      const bytes = readCopied(rest);
      if (bytes !== undefined) {
        this.#early = true;
        read.push({ kind: 'progress', bytes });
      }
    }
    return read;
  }

  /** What is left when dd has ended: a cut line is refused. */
  end(): DdLine[] {
    const rest = this.#rest;
    this.#rest = '';
    return this.#complete(rest);
  }

  #complete(line: string): DdLine[] {
    const [known, ofLongLine] = [this.#early, this.#tooLong];
    this.#early = false;
    this.#tooLong = false;
    if (ofLongLine || line === '') return [];
    const bytes = readCopied(line);
    if (bytes !== undefined) {
      if (this.#recordsOut) return [{ kind: 'closing', bytes }];
      return known ? [] : [{ kind: 'progress', bytes }];
    }
    const records = RECORDS.exec(line);
    if (records !== null) {
      const [full, partial] = [Number(records[1]), Number(records[2])];
      const direction = records[3] === 'in' ? 'in' : 'out';
      if (Number.isSafeInteger(full) && Number.isSafeInteger(partial)) {
        this.#recordsOut ||= direction === 'out';
        return [{ kind: 'records', direction, full, partial }];
      }
    }
    const text = MESSAGE.exec(line)?.[1];
    return text === undefined ? [{ kind: 'unreadable', text: line }] : [{ kind: 'message', text }];
  }
}
