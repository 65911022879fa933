const NAMES = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];
const UNITS: Record<string, number> = {
  '': 1,
  ...Object.fromEntries(NAMES.map((name, i) => [name, 1024 ** i])),
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

/** Bytes in the largest fitting binary unit, for example `1.5 GiB`. */
export function renderBytes(bytes: number): string {
  let [value, unit] = [bytes, 0];
  while (value >= 1024 && unit < NAMES.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${Number(value.toFixed(value < 10 ? 2 : 1))} ${NAMES[unit]}`;
}
