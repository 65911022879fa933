import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { readCloud } from '../../../storage/cinder/clouds.ts';

const SECRET = 'a-canary-of-a-password';
const auth_url = 'http://keystone.example:5000/v3';
const login = { auth_url, username: 'mover', password: SECRET, project_name: 'movers' };

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'dray-clouds-'));
  vi.stubEnv('OS_CLIENT_CONFIG_FILE', join(directory, 'clouds.yaml'));
  vi.stubEnv('OS_CLIENT_SECURE_FILE', join(directory, 'secure.yaml'));
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(directory, { recursive: true });
});

const write = (name: string, text: string): Promise<void> => writeFile(join(directory, name), text);

it('reads an entry, with what is secret from a file of its own', async () => {
  const { password, ...open } = login;
  await write('clouds.yaml', JSON.stringify({ clouds: { lab: { auth: open } } }));
  await write('secure.yaml', `clouds: {lab: {auth: {password: ${password}}}}`);
  expect(await readCloud('lab')).toEqual({
    cloud: { auth_type: 'password', auth: login, interface: 'public' },
  });
});

/** What is read of such an entry. */
async function reading(entry: object) {
  await write('clouds.yaml', JSON.stringify({ clouds: { lab: entry } }));
  return (await readCloud('lab')).cloud;
}

it('reads an entry that is merged from others, as PyYAML does', async () => {
  const base = `base: &base\n  region_name: north\n  auth: ${JSON.stringify(login)}\n`;
  await write('clouds.yaml', `${base}clouds:\n  lab:\n    <<: *base\n    interface: admin\n`);
  expect((await readCloud('lab')).cloud).toMatchObject({
    ...{ region_name: 'north', interface: 'admin', auth: login },
  });
});

describe('reads what openstacksdk reads', () => {
  const { project_name, username, ...rest } = login;

  it.each<[string, object, object]>([
    [
      'former names',
      { 'endpoint-type': 'internalURL', auth: { ...rest, username, tenant_name: 'movers' } },
      { interface: 'internal', auth: login },
    ],
    [
      'names of today before those',
      { tenant_name: 'x', auth: { ...login, tenant_name: 'y' } },
      { auth: login },
    ],
    [
      'a login beside auth',
      { project_name, username: 'x', auth: { ...rest, username } },
      { auth: login },
    ],
    [
      'one domain for both',
      { domain_name: 'd', auth: { ...login, domain_id: 'i', user_domain_id: 'j' } },
      {
        auth: {
          ...{ user_domain_name: 'd', user_domain_id: 'j' },
          ...{ project_domain_name: 'd', project_domain_id: 'i' },
        },
      },
    ],
    [
      'what is empty as what is not there',
      { region_name: null, auth: { ...login, project_id: '' } },
      { auth: login },
    ],
  ])('%s', async (_, entry, read) => {
    expect(await reading(entry)).toMatchObject(read);
  });

  it('a password of digits, with all of them', async () => {
    const digits = '12345678901234567890123';
    await write(
      'clouds.yaml',
      JSON.stringify({ clouds: { lab: { auth: login } } }).replace(`"${SECRET}"`, digits),
    );
    expect((await readCloud('lab')).cloud.auth.password).toBe(digits);
  });
});

it('looks for clouds.yml in every place that can be told', async () => {
  vi.stubEnv('OS_CLIENT_CONFIG_FILE', join(directory, 'none.yaml'));
  vi.stubEnv('XDG_CONFIG_HOME', directory);
  await mkdir(join(directory, 'openstack'));
  await write('openstack/clouds.yml', JSON.stringify({ clouds: { lab: { auth: login } } }));
  // As it does in a directory that was removed.
  const cwd = vi.spyOn(process, 'cwd').mockImplementation(() => {
    throw Object.assign(new Error('uv_cwd'), { code: 'ENOENT' });
  });
  expect((await readCloud('lab')).cloud.auth).toEqual(login);
  cwd.mockRestore();
});

it('reads the environment, without what is empty there', async () => {
  vi.stubEnv('OS_AUTH_URL', auth_url);
  vi.stubEnv('OS_USERNAME', 'mover');
  vi.stubEnv('OS_PASSWORD', SECRET);
  vi.stubEnv('OS_TENANT_NAME', 'movers');
  vi.stubEnv('OS_PROJECT_ID', '');
  vi.stubEnv('OS_INTERFACE', 'internalURL');
  const { auth, interface: wanted } = (await readCloud('envvars')).cloud;
  expect(auth).toEqual(login);
  expect(wanted).toBe('internal');
});

describe('what cannot be used waits for a person and shows no secret', () => {
  const entry = (password: string): string =>
    `clouds:\n  lab:\n    auth:\n      auth_url: ${auth_url}\n      password: ${password}\n`;

  it.each([
    ['a line that is not YAML', entry(`"${SECRET}`), 'line'],
    ['text after a value', entry(`'${SECRET}' ${SECRET}`), 'line 5'],
    ['a value that is an alias', entry(`*${SECRET}`), 'alias'],
    ['a value with a tag', entry(`!${SECRET}\n  - x: [`), 'line'],
    ['a key twice', entry(`${SECRET}\n      password: ${SECRET}`), 'line'],
    ['a value that is a map', entry(`{ ${SECRET}: ${SECRET} }`), 'auth.password'],
    ['a URL with a password', entry('x').replace('http://', `http://u:${SECRET}@`), 'auth_url'],
    ['no URL', entry('x').replace(auth_url, SECRET), 'auth.auth_url'],
    ['a file that is a word', SECRET, 'expected'],
    ['clouds that are a list', `clouds: [${SECRET}]`, 'clouds'],
    [
      'another way to log in',
      entry('x').replace('auth:', `auth_type: ${SECRET}\n    auth:`),
      'type',
    ],
    ['a merge of nothing', `${entry('x')}    <<: ${SECRET}\n`, 'merge'],
    ['no user', entry(SECRET), 'auth.username or user_id: is missing; auth.project_name or'],
    [
      'a credential without secret',
      entry('x').replace('auth:', 'auth_type: v3applicationcredential\n    auth:'),
      'auth.application_credential_secret: is missing; auth.username',
    ],
    ['regions', `${entry('x')}    regions: [${SECRET}]\n`, 'regions: is not read'],
    ['a profile', `${entry('x')}    profile: ${SECRET}\n`, 'profile: is not read'],
    ['another cloud', entry(SECRET).replace('lab', 'other'), 'no such cloud'],
    ['an empty file', '', 'no such cloud'],
  ])('%s', async (_, text, because) => {
    await write('clouds.yaml', text);
    const refused = await readCloud('lab').catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: 'CloudUnusable', class: 'operator' });
    expect(String(refused)).toContain(because);
    // With its causes and all that it carries.
    expect(inspect(refused, { depth: 10, showHidden: true })).not.toContain(SECRET);
  });

  it('no file at all', async () => {
    vi.stubEnv('XDG_CONFIG_HOME', directory);
    await expect(readCloud('lab')).rejects.toThrow('there is none');
  });
});
