import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ConnectionInfo, Sealed } from '../../contract/attachment.ts';
import {
  createKey,
  currentKey,
  formatKey,
  importKey,
  listKeys,
  parseKey,
} from '../../system/config/keys.ts';
import { sealConnection, unsealConnection } from '../../system/seal.ts';

let keys: string;
beforeEach(async () => {
  keys = await mkdtemp(join(tmpdir(), 'dray-keys-'));
});
afterEach(() => rm(keys, { recursive: true }));

const INFO: ConnectionInfo = {
  driverVolumeType: 'iscsi',
  data: {
    target_portal: '127.0.0.1:3260',
    target_iqn: 'iqn.2026-11.io.drayage:x',
    target_lun: 1,
    auth_method: 'CHAP',
    auth_username: 'user-canary',
    auth_password: 'password-canary',
    access_mode: 'rw',
    encrypted: false,
  },
};

describe('sealing', () => {
  it('hides every field that is not known to be harmless, and opens to the same', async () => {
    const { id } = await createKey(keys);
    const sealed = await sealConnection(keys, 'a1', INFO);
    expect(JSON.stringify(sealed)).not.toContain('canary');
    expect(sealed.data['target_iqn']).toBe('iqn.2026-11.io.drayage:x');
    expect((sealed.data['auth_password'] as Sealed).keyId).toBe(id);
    expect(await unsealConnection(keys, 'a1', sealed)).toEqual(INFO);
  });

  it('seals a field that it does not know', async () => {
    await createKey(keys);
    const data = { ...INFO.data, discovery_auth_password: 'canary' };
    const sealed = await sealConnection(keys, 'a1', { ...INFO, data });
    expect(JSON.stringify(sealed)).not.toContain('canary');
  });

  it('never makes the same text twice', async () => {
    await createKey(keys);
    const [one, two] = await Promise.all([
      sealConnection(keys, 'a1', INFO),
      sealConnection(keys, 'a1', INFO),
    ]);
    expect(one.data['auth_password']).not.toEqual(two.data['auth_password']);
  });

  it('does not open in another place or after a change', async () => {
    await createKey(keys);
    const sealed = await sealConnection(keys, 'a1', INFO);
    const broken = { code: 'SealBroken' };
    await expect(unsealConnection(keys, 'a2', sealed)).rejects.toMatchObject(broken);
    const swapped = {
      ...sealed,
      data: { ...sealed.data, auth_password: sealed.data['auth_username']! },
    };
    await expect(unsealConnection(keys, 'a1', swapped)).rejects.toMatchObject(broken);
    const field = sealed.data['auth_password'] as Sealed;
    const cut = { ...sealed, data: { auth_password: { ...field, sealed: 'AAAA' } } };
    await expect(unsealConnection(keys, 'a1', cut)).rejects.toMatchObject(broken);
  });

  it('says which key is missing', async () => {
    await expect(sealConnection(keys, 'a1', INFO)).rejects.toMatchObject({ code: 'KeyMissing' });
    const { id } = await createKey(keys);
    const sealed = await sealConnection(keys, 'a1', INFO);
    await rm(join(keys, `${id}.key`));
    await expect(unsealConnection(keys, 'a1', sealed)).rejects.toThrow(id);
  });
});

describe('keys', () => {
  it('are readable by the owner alone, travel as text, and older ones still open', async () => {
    const first = await createKey(keys);
    const sealed = await sealConnection(keys, 'a1', INFO);
    const second = await createKey(keys);
    expect((await currentKey(keys)).id).toBe(second.id);
    expect((await listKeys(keys)).sort()).toEqual([first.id, second.id].sort());
    for (const name of await readdir(keys)) {
      expect((await stat(join(keys, name))).mode & 0o077).toBe(0);
    }
    const elsewhere = await mkdtemp(join(tmpdir(), 'dray-keys-'));
    await importKey(elsewhere, `${formatKey(first)}\n`);
    expect(await unsealConnection(elsewhere, 'a1', sealed)).toEqual(INFO);
    await rm(elsewhere, { recursive: true });
  });

  it.each(['', 'drayage-key:x:y', 'drayage-key:0123456789abcdef:AAAA', 'nonsense'])(
    'refuses %j as a key',
    (text) => {
      expect(() => parseKey(text)).toThrow(/not a key/);
    },
  );
});
