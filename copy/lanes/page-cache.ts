import { spawn } from 'node:child_process';
import type { Role } from '../../contract/volume.ts';
import type { LaneJob } from './job.ts';
import { WITH_PARENT } from './with-parent.ts';

/** What the kernel keeps of a whole file is dropped by dd's nocache (POSIX_FADV_DONTNEED). */
const LOOP = `
while read -r line; do
  for end in "$@"; do
    setpriv ${WITH_PARENT.join(' ')} dd if="$end" of=/dev/null iflag=nocache count=0 status=none
  done
  echo
done`;

const PATHS: Record<Role, string> = { source: '/dev/fd/3', destination: '/dev/fd/4' };

/**
 * Of ends that lanes cannot reach past the page cache: what they leave there nobody reads again, and
 * it would push out what the host's other programs have in memory. The shell is started before the
 * ends are opened, as that of Zeroing.
 */
export class PageCache {
  readonly #shell: ReturnType<typeof spawn>;
  #dropping: Promise<void> | undefined;

  /** Nothing where both ends are reached with O_DIRECT. */
  static of({ direct }: Pick<LaneJob, 'direct'>): PageCache | undefined {
    const buffered = (['source', 'destination'] as const).filter((role) => !direct[role]);
    return buffered.length === 0 ? undefined : new PageCache(buffered.map((role) => PATHS[role]));
  }

  private constructor(ends: readonly string[]) {
    this.#shell = spawn('setpriv', [...WITH_PARENT, 'sh', '-c', LOOP, 'page-cache', ...ends], {
      stdio: ['pipe', 'pipe', 'ignore', 3, 4],
    });
    // One that has ended drops nothing more: of a copy that matters to nobody.
    this.#shell.stdin?.on('error', () => undefined);
  }

  /** What is there by now; nothing while the last time has not ended. */
  drop(): Promise<void> {
    this.#dropping ??= this.#drop().finally(() => (this.#dropping = undefined));
    return this.#dropping;
  }

  /** All that is left. */
  async end(): Promise<void> {
    await this.#dropping;
    await this.drop();
  }

  async #drop(): Promise<void> {
    const { stdin, stdout } = this.#shell;
    if (this.#shell.exitCode !== null || this.#shell.signalCode !== null) return;
    const answered = new Promise<void>((resolve) => {
      stdout?.once('data', () => resolve());
      this.#shell.once('close', () => resolve());
    });
    stdin?.write('\n');
    await answered;
  }
}
