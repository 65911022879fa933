import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { runTool, runToolOrThrow } from '../../system/run.ts';

describe('a program that is run', () => {
  it('answers what it said and how it ended', async () => {
    const { status, stdout, stderr } = await runTool('sh', [
      '-c',
      'echo out; echo err >&2; exit 3',
    ]);
    expect({ status, stdout, stderr }).toEqual({ status: 3, stdout: 'out', stderr: 'err' });
    await expect(runToolOrThrow('sh', ['-c', 'echo no >&2; exit 3'])).rejects.toMatchObject({
      code: 'ToolFailed',
      params: { tool: 'sh', status: 'exit status 3', stderr: 'no' },
    });
  });

  it('is named with its package when it is missing', async () => {
    const missing = { code: 'ToolMissing', params: { tool: 'tgtadm', package: 'tgt' } };
    await expect(runTool('/nowhere/tgtadm', [])).rejects.toMatchObject(missing);
  });

  it('is killed when its time is over', async () => {
    await expect(runTool('sleep', ['60'], { timeoutSeconds: 0.2 })).rejects.toMatchObject({
      code: 'ToolFailed',
      params: { status: 'no answer within 0.2 s' },
    });
  });

  it('is left behind when even that does not end it', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'dray-run-tool-'));
    const pidFile = join(directory, 'pid');
    // What keeps it from ending here is a child that holds its output.
    const args = ['-c', 'sleep 60 & echo $! >"$1"; wait', 'hang', pidFile];
    try {
      await expect(runTool('sh', args, { timeoutSeconds: 0.5 })).rejects.toMatchObject({
        code: 'ToolFailed',
        params: { status: 'no answer within 0.5 s, even when killed' },
      });
    } finally {
      process.kill(Number(await readFile(pidFile, 'utf8')), 'SIGKILL');
      await rm(directory, { recursive: true });
    }
  });
});
