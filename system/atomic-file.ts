import { randomUUID } from 'node:crypto';
import { link, open, readFile, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { z } from 'zod';
import { DrayError } from '../contract/errors.ts';
import { unwritable, unwritten } from './state-errors.ts';

/** errno name of a failed system call, for example `ENOENT`. */
export function errnoOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException | undefined)?.code;
}

/** Makes durable which names a directory has. */
export async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

async function writeDurably(path: string, text: string, mode: number): Promise<void> {
  const file = await open(path, 'wx', mode);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function place(
  path: string,
  text: string,
  mode: number,
  put: (from: string, to: string) => Promise<void>,
): Promise<void> {
  const temporary = `${path}.${randomUUID()}.tmp`;
  try {
    await writeDurably(temporary, text, mode);
    await put(temporary, path);
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') throw error;
    throw unwritten(dirname(path), error);
  } finally {
    // Renamed, or of no use any more; what stays in spite of this harms nobody.
    await rm(temporary, { force: true }).catch(() => undefined);
  }
  await syncDirectory(dirname(path));
}

/**
 * Replaces a file so that a crash at any point leaves the old or the new text whole, and returns
 * when the new one is durable. @throws StateUnwritable, StorageFull
 */
export async function writeAtomic(path: string, text: string, mode = 0o600): Promise<void> {
  await place(path, text, mode, rename);
}

/**
 * As writeAtomic, but only one of several writers succeeds. Answers whether it was this one.
 * @throws StateUnwritable, StorageFull
 */
export async function createExclusive(path: string, text: string, mode = 0o600): Promise<boolean> {
  try {
    await place(path, text, mode, link);
    return true;
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return false;
    throw error;
  }
}

/**
 * Gives a file another name, durably; answers whether it was there. Works where no space is left.
 * @throws StateUnwritable
 */
export async function renameDurably(from: string, to: string): Promise<boolean> {
  try {
    await rename(from, to);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return false;
    throw unwritable(dirname(from), error);
  }
  await syncDirectory(dirname(to));
  return true;
}

/** Removes a file durably; answers whether it was there. */
export async function removeDurably(path: string): Promise<boolean> {
  try {
    await rm(path);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return false;
    throw unwritable(dirname(path), error);
  }
  await syncDirectory(dirname(path));
  return true;
}

/** The file's JSON, checked; undefined when there is no file. @throws StateDamaged */
export async function readJson<T>(path: string, schema: z.ZodType<T>): Promise<T | undefined> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
  try {
    return schema.parse(JSON.parse(text));
  } catch (error) {
    const because = error instanceof z.ZodError ? z.prettifyError(error) : (error as Error).message;
    throw new DrayError('StateDamaged', { path, because }, { cause: error });
  }
}
