import { execa, type ResultPromise } from 'execa';
import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { until } from './poll.ts';

/** What units wait for, each to be written as a unit that is there and does nothing. */
export const EMPTY_TARGETS = ['sysinit', 'basic', 'shutdown', 'network-online', 'multi-user'];

/** A cgroup v2 tree of its own, on machines with v1 as well. Arguments: the name, then a command. */
const OUTER = `
  mount -t cgroup2 none /sys/fs/cgroup
  mkdir "/sys/fs/cgroup/$1" && echo $$ >"/sys/fs/cgroup/$1/cgroup.procs" || exit 1
  shift
  exec unshare --cgroup --mount --pid --fork --mount-proc --kill-child "$@"`;

/** Arguments: directory of the units, then from and to of each bind mount. */
const INNER = `
  umount /sys/fs/cgroup && mount -t cgroup2 none /sys/fs/cgroup || exit 1
  mount -t tmpfs -o mode=755 none /run || exit 1
  export container=test SYSTEMD_UNIT_PATH="$1"
  shift
  while [ $# -gt 0 ]; do mount --bind "$1" "$2" || exit 1; shift 2; done
  exec /lib/systemd/systemd --system --unit=basic.target --log-target=console --show-status=no`;

const REMOVE_GROUPS = `
  mount -t cgroup2 none /sys/fs/cgroup
  [ ! -d "/sys/fs/cgroup/$1" ] || find "/sys/fs/cgroup/$1" -depth -type d -exec rmdir {} +`;

/**
 * A real systemd with nothing but the units of a directory: PID 1 of namespaces of its own, with
 * /run empty and other directories in place of the machine's. Needs root.
 */
export class Systemd {
  /** Of its PID 1, seen from here. */
  #pid = 0;

  private constructor(
    readonly name: string,
    private readonly outer: PromiseLike<{ all?: string }> & Pick<ResultPromise, 'kill' | 'pid'>,
  ) {}

  /** `units`: a directory in one that is named like no other; `binds`: from, to. */
  static async start(units: string, binds: readonly [string, string][]): Promise<Systemd> {
    const name = `test-${basename(join(units, '..'))}`;
    const inner = ['sh', '-c', INNER, 'inner', units, ...binds.flat()];
    const argv = ['--mount', '--propagation', 'private', 'sh', '-c', OUTER, 'outer', name];
    const words = ['--pdeathsig', 'KILL', 'unshare', ...argv, ...inner];
    const outer = execa('setpriv', words, { reject: false, all: true, stdin: 'ignore' });
    const systemd = new Systemd(name, outer);
    try {
      await until('systemd runs', async () => {
        if (outer.exitCode !== null) throw new Error((await outer).all);
        return systemd.#isRunning();
      });
      return systemd;
    } catch (error) {
      await systemd.stop();
      throw error;
    }
  }

  async #isRunning(): Promise<boolean> {
    const children = `/proc/${this.outer.pid}/task/${this.outer.pid}/children`;
    const child = (await readFile(children, 'utf8').catch(() => '')).trim();
    // Before that there are the programs of the script.
    const comm = await readFile(`/proc/${child}/comm`, 'utf8').catch(() => '');
    if (comm !== 'systemd\n') return false;
    this.#pid = Number(child);
    return (await this.run('systemctl', 'is-system-running')).stdout === 'running';
  }

  /** A command in its namespaces; what it says when it fails is part of its output. */
  run(...argv: string[]) {
    const inside = ['--target', String(this.#pid), '--mount', '--pid', '--cgroup'];
    return execa('nsenter', [...inside, ...argv], { reject: false, all: true });
  }

  /** @throws what systemctl says */
  async control(...argv: string[]): Promise<string> {
    const { exitCode, all } = await this.run('systemctl', ...argv);
    if (exitCode !== 0) throw new Error(`systemctl ${argv.join(' ')}: ${all}`);
    return all;
  }

  /** One property of a unit. */
  property(unit: string, name: string): Promise<string> {
    return this.control('show', '--value', '--property', name, unit);
  }

  /** Pids, as they are inside, of the processes whose command line matches. */
  async pids(pattern: string): Promise<string[]> {
    return (await this.run('pgrep', '-f', pattern)).stdout.split('\n').filter(Boolean);
  }

  /** Nothing of it outlives its PID 1. */
  async stop(): Promise<void> {
    this.outer.kill('SIGKILL');
    await this.outer;
    await until('its processes have ended', async () => {
      const argv = ['--mount', 'sh', '-c', REMOVE_GROUPS, 'remove', this.name];
      return (await execa('unshare', argv, { reject: false })).exitCode === 0;
    });
  }
}
