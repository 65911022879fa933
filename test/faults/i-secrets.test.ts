import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, inject, test } from 'vitest';
import { ExportRecords, openSecret } from '../../storage/tgt/export-record.ts';
import { currentKey } from '../../system/config/keys.ts';
import { Drayage } from '../rig/drayage.ts';

const TOOLS = ['tgtadm', 'tgtd', 'qemu-storage-daemon', 'iscsi-inq', 'iscsi-readcapacity16'].concat(
  ['sh', 'flock', 'setpriv', 'dd', 'sync', 'stat', 'umount', 'mount', 'rm', 'ionice'],
);

/** Programs that write down how they were called and become the real ones. */
function makeShims(directory: string): string {
  const shims = join(directory, 'shims');
  mkdirSync(shims, { recursive: true });
  for (const tool of TOOLS) {
    const real = execFileSync('which', [tool], { encoding: 'utf8' }).trim();
    const log = join(directory, 'argv.log');
    const script = `#!/bin/sh\nprintf '%s\\n' "${tool} $*" >>'${log}'\nexec ${real} "$@"\n`;
    writeFileSync(join(shims, tool), script, { mode: 0o755 });
  }
  return shims;
}

/** Every file below a directory but the volumes and the keys themselves. */
function* filesOf(directory: string): Generator<string> {
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name);
    if (entry.isDirectory() && entry.name !== 'keys' && entry.name !== 'volumes') {
      yield* filesOf(path);
    } else if (entry.isFile() && entry.name !== 'device' && statSync(path).size < 2 ** 26) {
      yield path;
    }
  }
}

/** The text with everything in it that is base64 opened as well: payloads of a history are. */
function opened(text: string): string {
  const inner = [...text.matchAll(/[A-Za-z0-9+/]{16,}={0,2}/g)].map(([base64]) =>
    Buffer.from(base64, 'base64').toString('latin1'),
  );
  return [text, ...inner].join('\n');
}

function commandLines(): string {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'latin1');
      } catch {
        return '';
      }
    })
    .join('\n');
}

test('no secret appears in a history, a log, a state file or the argv of anything executed', async () => {
  const rig = await Drayage.start({
    address: inject('address'),
    dist: inject('dist'),
    name: 'secrets',
    env: (directory) => ({ PATH: `${makeShims(directory)}:${process.env['PATH']}` }),
  });
  try {
    const copy = await rig.startCopy({ bytesPerSecond: 12 * 2 ** 20 });
    await copy.flushedAtLeast(0.3);
    const keys = join(rig.state, 'keys');
    const records = new ExportRecords(join(rig.storage, 'exports'));
    const secrets = [(await currentKey(keys)).bytes.toString('base64')];
    for (const id of await records.list()) {
      const { access } = (await records.read(id))!;
      if (access.state === 'granted') secrets.push(await openSecret(keys, id, access.secret));
    }
    expect(secrets).toHaveLength(3);

    const places: [string, string][] = [['a command line in mid-copy', commandLines()]];
    for (const file of filesOf(rig.directory)) places.push([file, readFileSync(file, 'latin1')]);
    expect((await copy.ending()).outcome).toBe('completed');
    for (const file of filesOf(rig.directory)) places.push([file, readFileSync(file, 'latin1')]);
    const history = historyToJSON(await copy.handle.fetchHistory());
    places.push(['the history', history]);

    // The look itself can see: what is known to be there is found by it.
    expect(opened(history)).toContain('auth_password');
    expect(readFileSync(join(rig.directory, 'argv.log'), 'utf8')).toMatch(/^iscsi-inq /m);
    expect(places.some(([path]) => path.endsWith('worker.log'))).toBe(true);
    for (const [place, text] of places) {
      for (const secret of secrets) expect(opened(text).includes(secret), place).toBe(false);
    }
  } finally {
    await rig.close();
  }
});
