import { open } from 'node:fs/promises';

/** Changes one byte behind everybody's back. */
export async function flip(path: string, at: number): Promise<void> {
  const file = await open(path, 'r+');
  const byte = Buffer.alloc(1);
  await file.read(byte, 0, 1, at);
  await file.write(Buffer.from([byte.readUInt8() ^ 1]), 0, 1, at);
  await file.sync();
  await file.close();
}
