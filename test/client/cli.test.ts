import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadConfig } from '../../system/config/load.ts';
import { connectClient } from '../../system/config/temporal.ts';
import { dray } from '../rig/dray.ts';
import { freePort } from '../rig/ports.ts';

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'dray-cli-'));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

/** The one document on stdout. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- what a test looks into
const documentOf = (run: { stdout: string }): any => JSON.parse(run.stdout) as unknown;

describe('bad usage', () => {
  it.each([
    [['--json']],
    [['nonsense', '--json']],
    [['copy', 'file:a', '--json']],
    [['copy', 'file:a', 'file:b', '--nonsense', '--json']],
    [['copy', 'file:a', 'file:b', '--engine', 'cp', '--json']],
    [['decide', 'file:a', 'source.connectVolume', 'retry', '--json']],
    [['decide', 'file:a', 'step', 'perhaps', '--reason', 'r', '--json']],
    [['decide', 'file:a', 'step', 'move', '--reason', 'r', '--json']],
    [['copy', 'file:a', 'file:b', '--limit', '0', '--json']],
    [['copy', 'file:a', 'file:b', '--ionice', 'fast', '--json']],
    [['throttle', 'file:a', '0', '--json']],
    [['throttle', 'file:a', '-1', '--json']],
  ] as string[][][])('%j ends with 2 and one document', async (args = []) => {
    const run = await dray(args);
    expect(run.status).toBe(2);
    expect(documentOf(run).error).toMatchObject({ code: 'BadOption', class: 'user' });
    expect(run.stderr).toContain('BadOption');
  });

  it.each([
    ['BadVolumeName', ['copy', 'file', 'file:b']],
    ['BadVolumeName', ['volume', 'show', 'FILE:a']],
    ['SameVolume', ['copy', 'file:a', 'file:a']],
    ['BadSize', ['volume', 'create', 'file:a', '0']],
    ['BadSize', ['volume', 'create', 'file:a', '1000']],
    ['BadBlockSize', ['copy', 'file:a', 'file:b', '--block-size', '0']],
    ['BadBlockSize', ['copy', 'file:a', 'file:b', '--block-size=-1']],
    ['BadBlockSize', ['copy', 'file:a', 'file:b', '--block-size', '1.5M']],
    ['BadBlockSize', ['copy', 'file:a', 'file:b', '--block-size', '1Q']],
  ])('%s for %j, before Temporal is asked', async (code, args) => {
    const run = await dray([...args, '--json']);
    expect(run.status).toBe(2);
    expect(documentOf(run).error.code).toBe(code);
  });

  it('says without --json what is wrong and what to do, and nothing on stdout', async () => {
    const run = await dray(['copy', 'file:a', 'file:a']);
    expect(run.stdout).toBe('');
    expect(run.stderr).toContain('file:a');
    expect(run.stderr).toContain('Name two volumes with bytes of their own');
  });

  it('help and version are no errors', async () => {
    const [help, version] = [await dray(['copy', '--help']), await dray(['--version'])];
    expect([help.status, version.status]).toEqual([0, 0]);
    expect(help.stdout).toContain('--block-size');
    expect(version.stdout).toMatch(/^\d+\.\d+\.\d+$/);
  });
});

describe('settings', () => {
  async function configFile(text: string): Promise<string> {
    const file = join(directory, `${Math.random()}.yaml`);
    await writeFile(file, text);
    return file;
  }

  it('prints what is in force, as text and as JSON', async () => {
    const file = await configFile('host: mover7\ncopy: { slots: 5 }\n');
    const [text, json] = [
      await dray(['--config', file, 'config']),
      await dray(['config', '--json'], { DRAY_CONFIG: file, TEMPORAL_API_KEY: 'secret-canary' }),
    ];
    expect(text.stdout).toContain('host: mover7');
    expect(documentOf(json)).toMatchObject({ file, host: 'mover7', copy: { slots: 5 } });
    expect(documentOf(json).temporal.apiKey).toBe('***');
    expect(json.stdout + json.stderr).not.toContain('secret-canary');
  });

  it('an unknown key is named with its file and the reason', async () => {
    const file = await configFile('copy: { slot: 5 }\n');
    const run = await dray(['--config', file, 'config', '--json']);
    expect(run.status).toBe(2);
    const { error } = documentOf(run);
    expect(error.code).toBe('ConfigInvalid');
    for (const word of [file, 'copy.slot', 'not a key']) expect(error.message).toContain(word);
  });

  it.each([
    ['a wrong value', 'copy: { slots: many }\n', 'copy.slots'],
    ['no YAML', 'copy: [\n', 'configuration'],
  ])('%s is refused', async (_, text, word) => {
    const file = await configFile(text);
    const run = await dray(['--config', file, 'config', '--json']);
    expect(run.status).toBe(2);
    expect(documentOf(run).error).toMatchObject({
      code: 'ConfigInvalid',
      message: expect.stringContaining(word),
    });
    expect(documentOf(run).error.message).toContain(file);
  });

  it('two backends on one directory are refused', async () => {
    const one = '{ type: file, root: /srv/one }';
    const file = await configFile(`backends: { a: ${one}, b: { type: file, root: /srv/one/ } }\n`);
    const run = await dray(['config', '--config', file, '--json']);
    expect(run.status).toBe(2);
    expect(documentOf(run).error.message).toContain('backend a has this directory already');
  });

  it('an unreadable file is named', async () => {
    const run = await dray(['--config', directory, 'config', '--json']);
    expect(run.status).toBe(2);
    expect(documentOf(run).error).toMatchObject({ code: 'ConfigUnreadable' });
    expect(documentOf(run).error.message).toContain(directory);
  });
});

describe('keys', () => {
  it('go from one host to another and stay 0600', async () => {
    const [first, second] = [join(directory, 'one'), join(directory, 'two')].map((path) => ({
      DRAY_STATE_DIR: path,
    }));
    const { id } = documentOf(await dray(['key', 'create', '--json'], first)) as { id: string };
    const exported = await dray(['key', 'export'], first);
    const file = join(directory, 'exported');
    await writeFile(file, exported.stdout);
    expect((await dray(['key', 'import', file], second)).stdout).toBe(id);
    expect(documentOf(await dray(['key', 'list', '--json'], second))).toEqual([
      { id, seals: true },
    ]);
    expect((await dray(['key', 'export', id], second)).stdout).toBe(exported.stdout);
  });

  it('the one that signs is made when its public half is first asked for', async () => {
    const env = { DRAY_STATE_DIR: join(directory, 'signing') };
    const exported = documentOf(await dray(['key', 'export', '--public', '--json'], env));
    expect(exported.publicKey).toMatch(/^-----BEGIN PUBLIC KEY-----/);
    expect((await dray(['key', 'export', '--public'], env)).stdout).toBe(exported.publicKey);
    expect((await dray(['key', 'list'], env)).stdout).toBe(`${exported.id}  signs`);
  });

  it('a text that is no key is refused and not repeated', async () => {
    const file = join(directory, 'no-key');
    await writeFile(file, 'drayage-key:secret-canary');
    const env = { DRAY_STATE_DIR: join(directory, 'three') };
    const run = await dray(['key', 'import', file, '--json'], env);
    expect(run.status).toBe(2);
    expect(run.stdout + run.stderr).not.toContain('secret-canary');
    expect(documentOf(await dray(['key', 'list', '--json'], env))).toEqual([]);
  });

  it('a missing key is told', async () => {
    const run = await dray(['key', 'export', '--json'], {
      DRAY_STATE_DIR: join(directory, 'four'),
    });
    expect(run.status).toBe(1);
    expect(documentOf(run).error.code).toBe('KeyMissing');
  });
});

describe('Temporal away', () => {
  async function configFor(port: number): Promise<string> {
    const file = join(directory, `port-${port}.yaml`);
    await writeFile(file, `temporal: { port: ${port} }\n`);
    return file;
  }

  async function expectAway(port: number): Promise<void> {
    const config = await configFor(port);
    const run = await dray(['list', '--json', '--config', config]);
    expect(run.status).toBe(5);
    const error = expect.objectContaining({ code: 'TemporalUnreachable' });
    expect(documentOf(run)).toEqual({ error });
    expect(run.stderr).toContain(`127.0.0.1:${port}`);
    // The bound itself without the start of a process, which is slow on a busy machine.
    const started = performance.now();
    await expect(connectClient(loadConfig(config))).rejects.toEqual(error);
    expect(performance.now() - started).toBeLessThan(3_000);
  }

  it('a port where nothing listens is reported within 3 s', async () => {
    await expectAway(await freePort());
  });

  it('so is one that accepts and says nothing', async () => {
    const mute: Server = createServer(() => undefined);
    await new Promise<void>((resolve) => mute.listen(0, '127.0.0.1', resolve));
    try {
      await expectAway((mute.address() as { port: number }).port);
    } finally {
      mute.close();
    }
  });
});
