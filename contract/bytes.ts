const UNITS: Record<string, number> = {
  '': 1,
  B: 1,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
  PiB: 2 ** 50,
};

/** Bytes of `10GiB`, `512MiB` or `1048576`; the reason in words when it is neither. */
export function parseBytes(text: string): number | string {
  const [, digits, unit = ''] = /^(\d+)\s?([A-Za-z]*)$/.exec(text) ?? [];
  if (digits === undefined)
    return `"${text}" is not a whole number of bytes, nor one with a unit as in 10GiB`;
  const factor = UNITS[unit];
  if (factor === undefined) {
    return `unit "${unit}" is not one of ${Object.keys(UNITS).slice(1).join(', ')}`;
  }
  const bytes = Number(digits) * factor;
  return Number.isSafeInteger(bytes) ? bytes : 'it is too large';
}

/** Bytes a second of `100MiB/s` or `100MiB`; the reason in words when it is neither. */
export function parseRate(text: string): number | string {
  const bytes = parseBytes(text.replace(/\/s$/, ''));
  return bytes === 0 ? 'nothing would be copied' : bytes;
}
