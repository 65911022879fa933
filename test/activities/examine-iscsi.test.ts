import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { examineIscsi } from '../../activities/examine/iscsi.ts';

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'dray-iscsi-'));
  vi.stubEnv('PATH', directory);
  // All are there, but the daemon cannot be asked: its interpreter is not.
  for (const program of ['qemu-storage-daemon', 'iscsi-inq', 'iscsi-readcapacity16']) {
    await writeFile(join(directory, program), '#!/nonexistent/interpreter\n', { mode: 0o755 });
  }
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await rm(directory, { recursive: true });
});

it.each([
  [true, 'wrong'],
  [false, 'unneeded'],
])('a daemon that gives no answer is a finding (needed: %s)', async (isNeeded, state) => {
  const sentence = expect.stringMatching(
    /^iSCSI cannot be connected.*qemu-storage-daemon/,
  ) as string;
  expect(await examineIscsi(isNeeded)).toMatchObject([{ check: 'host.iscsi', state, sentence }]);
});
