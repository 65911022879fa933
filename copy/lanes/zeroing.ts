import { spawn } from 'node:child_process';
import { fstatSync, readdirSync, readFileSync, statfsSync } from 'node:fs';
import type { ByteRange } from '../../contract/copy.ts';
import { EndError } from './end.ts';
import { WITH_PARENT } from './with-parent.ts';

/** `stat --file-system`'s type of FUSE (FUSE_SUPER_MAGIC). */
const FUSE_TYPE = 0x65735546;
const DESTINATION = '/dev/fd/4';

/**
 * What makes zeros that are guaranteed to read as zeros (fallocate(2); BLKZEROOUT, which
 * BLKDISCARD is not). A file of FUSE is not punched: qemu's export passes that on as a discard,
 * which guarantees nothing. `--force`: the claim of a block device is the worker's.
 */
function zeroingTool(): string[] {
  if (fstatSync(4).isBlockDevice()) return ['blkdiscard', '--zeroout', '--force'];
  const isFuse = statfsSync(DESTINATION).type === FUSE_TYPE;
  return ['fallocate', ...(isFuse ? ['--zero-range', '--keep-size'] : ['--punch-hole'])];
}

/**
 * Descriptors that hold the destination's lock: whoever zeroes for us writes under it as well.
 * @throws EndError where there is none
 */
function lockDescriptors(): number[] {
  const holds = (fd: string): boolean => {
    try {
      return /^lock:.* FLOCK /m.test(readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1'));
    } catch {
      // The one that the directory was read with.
      return false;
    }
  };
  const descriptors = readdirSync('/proc/self/fdinfo').filter(holds).map(Number);
  if (descriptors.length > 0) return descriptors;
  throw new EndError('error zeroing', DESTINATION, new Error('its lock is not held'));
}

/** EOPNOTSUPP in the words of strerror(3), and of fallocate(1). */
const UNSUPPORTED = /^Operation not supported$|mode is unsupported$/;

/** Its last answer, and every later one. */
const ENDED = '1 it ended early';

/** Runs the tool once for each line, and answers with its status and words. */
const LOOP = `
while read -r offset length; do
  words=$("$@" --offset "$offset" --length "$length" ${DESTINATION} 2>&1)
  echo "$? $words"
done`;

/**
 * Makes zeros on the destination without writing them, one range at a time. Its tools hold the lock
 * of this program and end with it. Its shell is started before the ends are opened: to start a
 * program while a file of FUSE is open waits for its server.
 */
export class Zeroing {
  readonly #shell = spawn(
    'setpriv',
    [...WITH_PARENT, 'sh', '-c', LOOP, 'zeroing', 'setpriv', ...WITH_PARENT, ...zeroingTool()],
    { stdio: ['pipe', 'pipe', 'inherit', 'ignore', 4, ...lockDescriptors()] },
  );
  readonly #waiting: ((answer: string) => void)[] = [];
  #rest = '';
  #isAble: boolean | undefined;
  #hasEnded = false;

  /** `onUnable` is told why zeros have to be written instead. */
  constructor(private readonly onUnable: (because: string) => void) {
    this.#shell.stdout?.on('data', (part: Buffer) => {
      const lines = (this.#rest + part.toString('latin1')).split('\n');
      this.#rest = lines.pop() ?? '';
      for (const line of lines) if (/^\d+ /.test(line)) this.#waiting.shift()?.(line);
    });
    this.#shell.once('close', () => {
      this.#hasEnded = true;
      for (const answer of this.#waiting.splice(0)) answer(ENDED);
    });
  }

  /** Undefined until the first try. */
  get isAble(): boolean | undefined {
    return this.#isAble;
  }

  /** Answers false where the destination cannot; nothing is zeroed then. @throws EndError */
  async zero({ offset, length }: ByteRange): Promise<boolean> {
    if (this.#isAble === false) return false;
    const answer = this.#hasEnded
      ? ENDED
      : await new Promise<string>((resolve) => {
          this.#waiting.push(resolve);
          this.#shell.stdin?.write(`${offset} ${length}\n`);
        });
    const because = answer.slice(answer.lastIndexOf(': ') + 2);
    if (answer.startsWith('0 ')) {
      this.#isAble = true;
      return true;
    }
    if (!UNSUPPORTED.test(because)) {
      throw new EndError('error zeroing', DESTINATION, new Error(because));
    }
    // Several lanes may have asked before the first answer.
    if (this.isAble !== false) this.onUnable(because);
    this.#isAble = false;
    return false;
  }
}
