import { access, constants, readdir, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { type Finding, unneeded, warning, well, wrong } from '../../contract/examination.ts';
import { errnoOf } from '../atomic-file.ts';
import { unwritable } from '../state-errors.ts';

const CHECK = 'host.state';
/** Permission bits that let others than the owner change a directory. */
const WRITABLE_BY_OTHERS = 0o022;
/** Checkpoints and claims are small; below this the next one may not fit. Unit: bytes. */
const LITTLE_SPACE = 64 * 2 ** 20;

const octal = (mode: number): string => (mode & 0o777).toString(8);

/** The state directory and those in it. */
async function directoriesOf(root: string): Promise<string[]> {
  const entries = await readdir(root, { withFileTypes: true });
  const below = entries.filter((entry) => entry.isDirectory());
  return [root, ...below.map(({ name }) => join(root, name))];
}

async function examineDirectory(path: string): Promise<Finding[]> {
  const { mode } = await stat(path);
  const open = `state directory ${path} can be changed by others (mode ${octal(mode)})`;
  const findings = mode & WRITABLE_BY_OTHERS ? [wrong(CHECK, open, `chmod go-w ${path}`)] : [];
  try {
    await access(path, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (error) {
    const { message, whatToDo } = unwritable(path, error);
    findings.push(wrong(CHECK, message, whatToDo));
  }
  return findings;
}

async function examineSpace(root: string): Promise<Finding[]> {
  const { bavail, bsize } = await statfs(root);
  if (bavail * bsize >= LITTLE_SPACE) return [];
  const left = `${Math.floor((bavail * bsize) / 2 ** 20)} MiB are left for state directory ${root}`;
  return [warning(CHECK, left, 'make room there')];
}

/** Whether a state directory is its owner's alone to change, and can be written. Changes nothing. */
export async function examineState(root: string): Promise<Finding[]> {
  try {
    const directories = await directoriesOf(root);
    const findings = await Promise.all([...directories.map(examineDirectory), examineSpace(root)]);
    const found = findings.flat();
    return found.length > 0
      ? found
      : [well(CHECK, `state directory ${root} can be written, by its owner alone`)];
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') {
      return [unneeded(CHECK, `state directory ${root} is not there before its first use`)];
    }
    const { message, whatToDo } = unwritable(root, error);
    return [wrong(CHECK, message, whatToDo)];
  }
}
