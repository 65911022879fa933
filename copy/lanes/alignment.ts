/** What O_DIRECT wants of memory, offset and length on every device in use (open(2)). Unit: bytes. */
export const ALIGNMENT = 4096;

/** As many of the bytes as are whole units. */
export function wholeTimes(bytes: number, unitBytes: number): number {
  return bytes - (bytes % unitBytes);
}

/** As many of the bytes as are whole units of alignment. */
export function wholePages(bytes: number): number {
  return wholeTimes(bytes, ALIGNMENT);
}
