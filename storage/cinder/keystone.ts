import { z } from 'zod';
import { DrayError } from '../../contract/errors.ts';
import { catalogSchema, endpointOf } from './catalog.ts';
import type { Cloud } from './cloud.ts';
import { readCloud } from './clouds.ts';
import { ask } from './http.ts';
import { parseJson } from './parse-json.ts';
import type { Auth, Session } from './session.ts';

/** Keystone answers within a moment, or not at all. */
const ANSWER_SECONDS = 30;

const loggedIn = z.object({
  token: z.object({
    project: z.object({ id: z.string() }),
    catalog: catalogSchema.default([]),
  }),
});

const failure = z.object({ error: z.object({ message: z.string() }) });

/** By id where there is one; names are only unique within a domain. */
function named(id: string | undefined, name: string | undefined, domain: object): object {
  return id === undefined ? { name, domain } : { id };
}

const domainOf = (id: string | undefined, name: string | undefined): object =>
  id === undefined && name !== undefined ? { name } : { id: id ?? 'default' };

/** Body of `POST /v3/auth/tokens` (docs.openstack.org/api-ref/identity/v3). */
function loginOf({ auth_type: type, auth }: Cloud): object {
  const userDomain = domainOf(auth.user_domain_id, auth.user_domain_name);
  const user = named(auth.user_id, auth.username, userDomain);
  if (type === 'v3applicationcredential') {
    const { application_credential_id: id, application_credential_secret: secret } = auth;
    const whose = id === undefined ? { name: auth.application_credential_name, user } : { id };
    const methods = ['application_credential'];
    return { identity: { methods, application_credential: { ...whose, secret } } };
  }
  const projectDomain = domainOf(auth.project_domain_id, auth.project_domain_name);
  return {
    identity: { methods: ['password'], password: { user: { ...user, password: auth.password } } },
    scope: { project: named(auth.project_id, auth.project_name, projectDomain) },
  };
}

/** Not a refusal: the same login may be good a moment later. */
const isPassing = (status: number): boolean => status >= 500 || [408, 429].includes(status);

/** @throws BackendUnavailable, BackendRefused, CloudUnusable */
async function login(backend: string, name: string): Promise<Session> {
  const { cloud, ca } = await readCloud(name);
  const trust = ca === undefined ? {} : { ca };
  const refused = (because: string): DrayError =>
    new DrayError('BackendRefused', { backend, what: `the login to cloud ${name}`, because });
  const unavailable = (because: string, cause?: unknown): DrayError =>
    new DrayError('BackendUnavailable', { backend, because: `Keystone: ${because}` }, { cause });
  const root = cloud.auth.auth_url.replace(/\/+$/, '').replace(/\/v3$/, '');
  const { status, headers, text } = await ask(`${root}/v3/auth/tokens`, {
    ...{ ...trust, method: 'POST', seconds: ANSWER_SECONDS },
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ auth: loginOf(cloud) }),
  }).catch((error: unknown) => {
    throw unavailable((error as Error).message, error);
  });
  const body = parseJson(text);
  if (status >= 400) {
    const because = failure.safeParse(body).data?.error.message ?? `HTTP ${status}`;
    throw isPassing(status) ? unavailable(because) : refused(because);
  }
  const token = headers['x-subject-token'];
  const parsed = loggedIn.safeParse(body);
  if (typeof token !== 'string' || !parsed.success) throw unavailable('unexpected answer');
  const { catalog, project } = parsed.data.token;
  const { url, missing } = endpointOf(catalog, cloud);
  if (missing !== undefined) throw refused(missing);
  return { url, token, project: project.id, ...trust };
}

/** A project of a cloud, by a token that all requests share until it is refused. */
export function keystone(backend: string, cloud: string): Auth {
  let next: Promise<Session> | undefined;
  let current: Session | undefined;

  async function renew(): Promise<Session> {
    try {
      return (current = await login(backend, cloud));
    } catch (error) {
      next = undefined;
      throw error;
    }
  }

  return {
    session: () => (next ??= renew()),
    forget(refused) {
      // Of several requests with one token, the first alone renews it.
      if (refused !== current) return;
      next = undefined;
      current = undefined;
    },
  };
}
