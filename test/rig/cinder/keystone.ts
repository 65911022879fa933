import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { Services } from './services.ts';
import { ini, type Settings } from './settings.ts';

/** How long a token lives, so that a test can wait for its end. */
export const TOKEN_SECONDS = 8;

export type Login = { username: string; password: string; project_name: string };

const ADMIN: Login = { username: 'admin', password: 'admin-secret', project_name: 'admin' };
const REGION = 'rig';

const made = z.record(z.string(), z.looseObject({ id: z.string() }));
const credential = z.object({
  application_credential: z.object({ id: z.string(), secret: z.string() }),
});

async function writeConfs({ directory, ports }: Settings): Promise<void> {
  const url = `http://127.0.0.1:${ports.keystone}`;
  const at = (name: string): string => join(directory, name);
  await mkdir(at('fernet'), { mode: 0o700 });
  const own = {
    database: { connection: `sqlite:///${at('keystone.sqlite')}` },
    token: { expiration: TOKEN_SECONDS },
    fernet_tokens: { key_repository: at('fernet') },
  };
  const secured = {
    DEFAULT: { auth_strategy: 'keystone', osapi_volume_listen_port: ports.securedApi },
    keystone_authtoken: {
      auth_type: 'password',
      auth_url: url,
      www_authenticate_uri: url,
      interface: 'public',
      user_domain_id: 'default',
      project_domain_id: 'default',
      ...ADMIN,
      // No token is taken for valid that has ended meanwhile.
      token_cache_time: -1,
    },
    // Roles count, as they do in newer releases without being asked to.
    oslo_policy: { enforce_new_defaults: 'true' },
  };
  await writeFile(at('keystone.conf'), ini(own));
  await writeFile(at('securedApi.conf'), ini(secured));
}

/** A Keystone, and a second API of a Cinder that runs, which asks it who comes. */
export class Keystone {
  readonly #services: Services;

  constructor(readonly settings: Settings) {
    this.#services = new Services(settings, '/keystone');
  }

  get url(): string {
    return `http://127.0.0.1:${this.settings.ports.keystone}/v3`;
  }

  get #api(): string {
    return `http://127.0.0.1:${this.settings.ports.securedApi}`;
  }

  async start(): Promise<void> {
    const { directory } = this.settings;
    await writeConfs(this.settings);
    const manage = (...args: string[]): Promise<string> =>
      this.#services.run(
        'keystone-manage',
        '--config-file',
        join(directory, 'keystone.conf'),
        ...args,
      );
    await manage('db_sync');
    await manage('fernet_setup', '--keystone-user', 'root', '--keystone-group', 'root');
    await manage(
      'bootstrap',
      ...['--bootstrap-password', ADMIN.password],
      ...['--bootstrap-public-url', this.url, '--bootstrap-region-id', REGION],
    );
    this.#services.start('keystone');
    await this.#services.until('Keystone', async () => (await fetch(this.url)).ok);
    await this.#register();
    this.#services.start('securedApi');
    await this.#services.until(
      'the secured API',
      async () => (await fetch(this.#api)).status < 500,
    );
  }

  /** Cinder in the catalogue. */
  async #register(): Promise<void> {
    const service = await this.make('service', { type: 'block-storage', name: 'cinder' });
    await this.make('endpoint', {
      ...{ service_id: service, interface: 'public', region_id: REGION },
      url: `${this.#api}/v3/$(project_id)s`,
    });
  }

  /** A token of a user by password. @throws Error with Keystone's own words */
  async token({ username: name, password, project_name: project }: Login): Promise<string> {
    const domain = { id: 'default' };
    const identity = { methods: ['password'], password: { user: { name, domain, password } } };
    const scope = { project: { name: project, domain } };
    const response = await this.#call('POST', '/auth/tokens', { auth: { identity, scope } });
    return response.headers.get('X-Subject-Token') ?? '';
  }

  async #call(method: string, path: string, body: object, token = ''): Promise<Response> {
    const response = await fetch(this.url + path, {
      method,
      headers: { 'Content-Type': 'application/json', 'X-Auth-Token': token },
      body: JSON.stringify(body),
    });
    if (!response.ok) throw new Error(`${method} ${path}: ${await response.text()}`);
    return response;
  }

  /** Makes one of Keystone's things as administrator; answers its id. */
  async make(what: string, facts: object): Promise<string> {
    const answer = await this.#call(
      'POST',
      `/${what}s`,
      { [what]: facts },
      await this.token(ADMIN),
    );
    return made.parse(await answer.json())[what]!.id;
  }

  /** A user with a role in a project of its own; answers its id. */
  async makeUser(
    { username, password, project_name }: Login,
    role: 'member' | 'reader',
  ): Promise<string> {
    const domain_id = 'default';
    const project = await this.make('project', { name: project_name, domain_id });
    const user = await this.make('user', { name: username, password, domain_id });
    const token = await this.token(ADMIN);
    const found = await fetch(`${this.url}/roles?name=${role}`, {
      headers: { 'X-Auth-Token': token },
    });
    const { roles } = z
      .object({ roles: z.array(z.object({ id: z.string() })) })
      .parse(await found.json());
    await this.#call('PUT', `/projects/${project}/users/${user}/roles/${roles[0]!.id}`, {}, token);
    return user;
  }

  async makeCredential(userId: string, token: string): Promise<{ id: string; secret: string }> {
    const path = `/users/${userId}/application_credentials`;
    const answer = await this.#call(
      'POST',
      path,
      { application_credential: { name: 'rig' } },
      token,
    );
    return credential.parse(await answer.json()).application_credential;
  }

  /** Its files go with those of the Cinder. */
  async stop(): Promise<void> {
    await this.#services.end();
  }
}
