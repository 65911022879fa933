import { execa } from 'execa';
import { readFile } from 'node:fs/promises';

/** What the tests use beside Node and Python, by Debian package. */
const PACKAGES = [
  'tgt',
  'qemu-utils',
  'qemu-system-common',
  'qemu-block-extra',
  'libiscsi-bin',
  'fuse3',
  'strace',
  'nbdkit',
  'libnbd-bin',
  'python3-pip',
  // For the units, which run under a systemd of the test's own.
  'systemd',
  // Ends TLS before Temporal.
  'haproxy',
  'openssl',
  'chromium',
  'fonts-dejavu-core',
  // For promtool, which checks the alert rules.
  'prometheus',
];

async function missingPackages(): Promise<string[]> {
  const status = await readFile('/var/lib/dpkg/status', 'utf8').catch(() => '');
  const installed = new Set(
    status
      .split('\n\n')
      .filter((entry) => entry.includes('\nStatus: install ok installed'))
      .map((entry) => /^Package: (.+)$/m.exec(entry)?.[1]),
  );
  return PACKAGES.filter((name) => !installed.has(name));
}

/** Installs what is missing as root, else names it and ends. */
export async function installPackages(): Promise<void> {
  const missing = await missingPackages();
  if (missing.length === 0) return;
  if (process.getuid?.() !== 0) {
    throw new Error(`The tests need these Debian packages: apt-get install ${missing.join(' ')}`);
  }
  console.error(`installing ${missing.join(' ')}`);
  const options = { stdio: 'inherit', env: { DEBIAN_FRONTEND: 'noninteractive' } } as const;
  await execa('apt-get', ['update', '-q'], options);
  // tgt, haproxy and prometheus start services of their own, which the tests neither need nor touch.
  const install = ['install', '-y', '-q', '--no-install-recommends', ...missing];
  await execa('apt-get', install, options);
}
