import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

const MARK = 'DRAY_TEST_RUN';

/** Processes that inherited this run's mark, with their command lines. */
async function markedProcesses(mark: string): Promise<string[]> {
  const found: string[] = [];
  for (const pid of await readdir('/proc')) {
    if (!/^\d+$/.test(pid) || Number(pid) === process.pid) continue;
    const environment = await readFile(`/proc/${pid}/environ`, 'utf8').catch(() => '');
    if (!environment.split('\0').includes(`${MARK}=${mark}`)) continue;
    const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    // Without a command line it has ended already, or it is one of the runner's own helpers.
    if (command && !command.includes('vitest') && !command.includes('esbuild')) {
      found.push(`process ${pid}: ${command.replaceAll('\0', ' ').slice(0, 200)}`);
    }
  }
  return found;
}

async function mountsBelow(directory: string): Promise<string[]> {
  const lines = (await readFile('/proc/self/mountinfo', 'utf8')).split('\n');
  const points = lines.map((line) => line.split(' ')[4] ?? '');
  return points.filter((point) => point.startsWith(directory)).map((point) => `mount ${point}`);
}

async function loopsOn(directory: string): Promise<string[]> {
  const found: string[] = [];
  for (const name of (await readdir('/sys/block')).filter((block) => block.startsWith('loop'))) {
    const backing = await readFile(`/sys/block/${name}/loop/backing_file`, 'utf8').catch(() => '');
    if (backing.startsWith(directory)) found.push(`loop device ${name} on ${backing.trim()}`);
  }
  return found;
}

/**
 * Global set-up of every suite: all its temporary files go below one directory, all its processes
 * carry one mark; when the suite has ended, whatever is left of either fails the run.
 */
export default async function setup(): Promise<() => Promise<void>> {
  const directory = await mkdtemp(join(tmpdir(), 'dray-run-'));
  const mark = randomUUID();
  process.env['TMPDIR'] = directory;
  process.env[MARK] = mark;
  return async () => {
    let left: string[] = [];
    // A process that was just told to end may need a moment.
    for (let tries = 0; tries < 20; tries += 1) {
      // tsx keeps what it has compiled for the programs that the tests start.
      const names = (await readdir(directory)).filter((name) => !/^tsx-\d+$/.test(name));
      const files = names.map((name) => `file ${join(directory, name)}`);
      const mounts = await mountsBelow(directory);
      left = [...(await markedProcesses(mark)), ...mounts, ...(await loopsOn(directory)), ...files];
      if (left.length === 0) break;
      await sleep(100);
    }
    if (left.length === 0) await rm(directory, { recursive: true });
    else throw new Error(`the tests left behind:\n${left.join('\n')}`);
  };
}
