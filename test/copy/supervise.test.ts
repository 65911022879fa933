import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, it } from 'vitest';
import { stuckError, supervise } from '../../copy/supervise.ts';

it('a copier that outlives SIGKILL is reported as stuck, by pid', async () => {
  // What keeps it from ending here is a child that holds its output, and tells who it is.
  const child = spawn('sh', ['-c', 'sleep 60 & echo $!; wait'], { stdio: ['ignore', 'pipe', 2] });
  const [told] = (await once(child.stdout!, 'data')) as [Buffer];
  try {
    const error: unknown = await supervise(child, AbortSignal.abort()).catch((e: unknown) => e);
    expect(stuckError(error, 'file:to')).toMatchObject({
      code: 'CopierStuck',
      class: 'operator',
      params: { pid: child.pid, volume: 'file:to' },
    });
  } finally {
    process.kill(Number(told.toString()), 'SIGKILL');
  }
}, 30_000);

it('any other error is not', () => {
  expect(stuckError(new Error('no'), 'file:to')).toBeUndefined();
});
