import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, expect, inject, it, vi } from 'vitest';
import type { Backend } from '../../storage/backend.ts';
import { Cinder } from '../rig/cinder/cinder.ts';
import { Keystone, type Login, TOKEN_SECONDS } from '../rig/cinder/keystone.ts';
import {
  attachmentOf,
  BACKEND,
  makeWorkbench,
  properties,
  type Workbench,
} from '../storage/workbench.ts';

const GIB = 2 ** 30;
const PASSWORD = 'a-canary-of-a-password';
const domains = { user_domain_name: 'Default', project_domain_id: 'default' };

const login = (username: string): Login => ({
  ...{ username, password: PASSWORD, project_name: `${username}-project` },
});
const mover = login('mover');

const cinder = new Cinder(inject('cinder'));
const keystone = new Keystone(cinder.settings);
let bench: Workbench;

beforeAll(async () => {
  await keystone.start();
  await keystone.makeUser(mover, 'member');
});
afterAll(() => keystone.stop());
beforeEach(async () => {
  bench = await makeWorkbench();
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await bench.remove();
});

/** A backend of a cloud with this entry in clouds.yaml; what is secret stands in secure.yaml. */
async function openCloud(entry: object, secure: object = {}): Promise<Backend> {
  const at = (name: string): string => join(bench.directory, name);
  // JSON is YAML.
  await writeFile(at('clouds.yaml'), JSON.stringify({ clouds: { lab: entry } }));
  await writeFile(at('secure.yaml'), JSON.stringify({ clouds: { lab: { auth: secure } } }));
  vi.stubEnv('OS_CLIENT_CONFIG_FILE', at('clouds.yaml'));
  vi.stubEnv('OS_CLIENT_SECURE_FILE', at('secure.yaml'));
  return bench.open({ type: 'cinder', cloud: 'lab' });
}

const byPassword = ({ username, password, project_name }: Login): Promise<Backend> =>
  openCloud({ auth: { auth_url: keystone.url, username, project_name, ...domains } }, { password });

it('a member attaches and detaches by password, also with a token that has ended', async () => {
  const backend = await byPassword(mover);
  const { id } = await backend.createVolume('disk1', GIB);
  const attachment = attachmentOf(id, 'one');
  await backend.createExport(attachment, properties);
  const info = await backend.initializeConnection(attachment, properties);
  expect(info.data).toMatchObject({ auth_method: 'CHAP' });
  await sleep((TOKEN_SECONDS + 1) * 1000);
  await backend.completeConnection(attachment);
  expect(await backend.getVolume({ backend: BACKEND, id })).toMatchObject({ state: 'in-use' });
  expect(await backend.survey()).toHaveLength(2);
  expect(await backend.removeExport(attachment)).toBe('done');
  expect(await backend.setVolumeState({ backend: BACKEND, id }, 'available')).toBe('alreadyGone');
  expect(await backend.deleteVolume({ backend: BACKEND, id })).toBe('done');
});

it('an application credential does as well', async () => {
  const robot = login('robot');
  const user = await keystone.makeUser(robot, 'member');
  const { id, secret } = await keystone.makeCredential(user, await keystone.token(robot));
  const auth = { auth_url: keystone.url, application_credential_id: id };
  const entry = { auth_type: 'v3applicationcredential', auth };
  const backend = await openCloud(entry, { application_credential_secret: secret });
  expect(await backend.listVolumes()).toEqual([]);
});

it.each([
  ['a wrong password', { ...mover, password: 'not-it' }],
  ["a project that is not the user's", { ...mover, project_name: 'admin' }],
  ['a project that does not exist', { ...mover, project_name: 'none' }],
])('%s waits for a person, and shows no secret', async (_, wrong) => {
  const refused = (await byPassword(wrong)).listVolumes();
  await expect(refused).rejects.toMatchObject({ code: 'BackendRefused', class: 'operator' });
  await expect(refused).rejects.toThrow('the login to cloud lab');
  await expect(refused).rejects.not.toThrow(wrong.password);
});

it('who may only read is refused by Cinder, and waits for a person', async () => {
  const reader = login('reader');
  await keystone.makeUser(reader, 'reader');
  const backend = await byPassword(reader);
  await backend.check();
  expect(await backend.listVolumes()).toEqual([]);
  const refused = backend.createVolume('disk1', GIB);
  await expect(refused).rejects.toMatchObject({ code: 'BackendRefused', class: 'operator' });
  await expect(refused).rejects.toThrow('HTTP 403');
});

it('settings of another project than before are refused', async () => {
  const other = login('other');
  await keystone.makeUser(other, 'member');
  const backend = await byPassword(mover);
  const { id } = await backend.createVolume('disk1', GIB);
  const moved = await byPassword(other);
  const foreign = { code: 'ForeignProject', class: 'operator' };
  await expect(moved.deleteVolume({ backend: BACKEND, id })).rejects.toMatchObject(foreign);
  // Mended without a new worker.
  await byPassword(mover);
  expect(await moved.deleteVolume({ backend: BACKEND, id })).toBe('done');
});

it('settings that say too little are named, without their values', async () => {
  const refused = (await openCloud({ auth: { auth_url: PASSWORD } })).listVolumes();
  await expect(refused).rejects.toMatchObject({ code: 'CloudUnusable', class: 'operator' });
  await expect(refused).rejects.toThrow('auth.auth_url');
  await expect(refused).rejects.not.toThrow(PASSWORD);
});
