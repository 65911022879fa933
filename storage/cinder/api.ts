import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { DrayError } from '../../contract/errors.ts';
import { assertCurrent, type Epoch } from '../../system/epoch.ts';
import { ask, type RawAnswer } from './http.ts';
import { parseJson } from './parse-json.ts';
import { type Auth, placeOf, type Session } from './session.ts';

export type Method = 'GET' | 'POST' | 'PUT' | 'DELETE';

/**
 * A request that Cinder itself has understood: done (2xx), or refused for good (400, 409). 404: what
 * the request names is not in the project.
 */
export type Answer = { status: number; body: unknown; because: string };

/** Longer than Cinder waits for its own services (rpc_response_timeout, 60 s by default). */
const ANSWER_SECONDS = 75;

/** Attachments in two steps (3.27) with os-complete (3.44), and their mode (3.54). */
const NEEDED = 44;
const WANTED = 54;

const versions = z.object({
  versions: z.array(z.object({ id: z.string(), version: z.string() })),
});

/** `{"badRequest": {"code": 400, "message": "…"}}` (cinder/api/openstack/wsgi.py: Fault). */
const faults = z.record(z.string(), z.object({ code: z.number(), message: z.string() }));
type Fault = { name: string; message: string };

/** Undefined where it is not Cinder that speaks, but a proxy or something else altogether. */
function faultOf(text: string): Fault | undefined {
  const [entry] = Object.entries(faults.safeParse(parseJson(text)).data ?? {});
  return entry && { name: entry[0], message: entry[1].message };
}

/** Another server's 404 says nothing of what is there. */
function isUnderstood(status: number, fault: Fault | undefined): boolean {
  if (fault === undefined) return false;
  return status === 404 ? fault.name === 'itemNotFound' : [400, 409].includes(status);
}

/** How long a rate limit asks to wait; undefined for everything else, such as a quota (0). */
function waitOf({ status, headers }: RawAnswer): number | undefined {
  const seconds = Number(headers['retry-after'] ?? 0);
  if (status === 429) return seconds > 0 ? seconds : 1;
  return status === 413 && seconds > 0 ? seconds : undefined;
}

/**
 * Cinder's public REST API (docs.openstack.org/api-ref/block-storage/v3), as far as it goes for
 * every request. A 5xx or no answer leaves open whether the request took effect.
 */
export class CinderApi {
  #minor: number | undefined;

  /** `rateSeconds`: the longest that one request waits for rate limits, in all. Default: 30 s. */
  constructor(
    readonly backend: string,
    readonly auth: Auth,
    readonly epoch: Epoch,
    readonly rateSeconds = 30,
  ) {}

  /** Whether an attachment can be told its mode. */
  async knowsMode(): Promise<boolean> {
    return (await this.#version()) >= WANTED;
  }

  /** Which project of which Cinder this is. */
  async place(): Promise<string> {
    return placeOf(await this.auth.session());
  }

  /**
   * @throws BackendUnavailable, BackendRefused, BackendTooOld, ForeignProject, and WorkerSuperseded
   * instead of a change
   */
  async send(method: Method, path: string, body?: unknown): Promise<Answer> {
    const version = { 'OpenStack-API-Version': `volume 3.${await this.#version()}` };
    return this.#ask(method, ({ url }) => url + path, version, body);
  }

  /** What is there, checked; undefined where nothing is. */
  async find<T>(path: string, schema: z.ZodType<T>): Promise<T | undefined> {
    const answer = await this.send('GET', path);
    return answer.status === 404 ? undefined : this.read(answer, `GET ${path}`, schema);
  }

  /** What has to be there, as every list is. */
  async get<T>(path: string, schema: z.ZodType<T>): Promise<T> {
    return this.read(await this.send('GET', path), `GET ${path}`, schema);
  }

  /** The checked body of a request that was done. @throws BackendRefused, BackendUnavailable */
  read<T>(answer: Answer, what: string, schema: z.ZodType<T>): T {
    if (answer.status >= 400) throw this.refused(what, answer);
    const parsed = schema.safeParse(answer.body);
    if (parsed.success) return parsed.data;
    throw this.unavailable(`unexpected answer to ${what}: ${z.prettifyError(parsed.error)}`);
  }

  refused(what: string, { because }: Pick<Answer, 'because'>): DrayError {
    return new DrayError('BackendRefused', { backend: this.backend, what, because });
  }

  unavailable(because: string, cause?: unknown): DrayError {
    return new DrayError('BackendUnavailable', { backend: this.backend, because }, { cause });
  }

  /** Minor number of the microversion in use. */
  async #version(): Promise<number> {
    if (this.#minor !== undefined) return this.#minor;
    const root = ({ url }: Session): string => url.replace(/\/v3(\/.*)?$/, '/v3/');
    const answer = await this.#ask('GET', root, {});
    const found = this.read(answer, 'GET /v3/', versions).versions;
    const version = found.find(({ id }) => id.startsWith('v3'))?.version ?? 'no version 3';
    const newest = Number(/^3\.(\d+)$/.exec(version)?.[1] ?? 0);
    if (newest < NEEDED) {
      const needed = `microversion 3.${NEEDED}`;
      throw new DrayError('BackendTooOld', { backend: this.backend, version, needed });
    }
    return (this.#minor = Math.min(newest, WANTED));
  }

  async #ask(
    method: Method,
    urlOf: (session: Session) => string,
    headers: Record<string, string>,
    body?: unknown,
  ): Promise<Answer> {
    const deadline = performance.now() + this.rateSeconds * 1000;
    let renewed = false;
    for (;;) {
      const session = await this.auth.session();
      const url = urlOf(session);
      // A login and a rate limit may take long.
      if (method !== 'GET') assertCurrent(this.epoch);
      const response = await ask(url, {
        ...{ method, seconds: ANSWER_SECONDS },
        headers: { ...headers, 'X-Auth-Token': session.token, 'Content-Type': 'application/json' },
        ...(session.ca === undefined ? {} : { ca: session.ca }),
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      }).catch((error: unknown) => {
        throw this.unavailable((error as Error).message, error);
      });
      const { status, text } = response;
      if (status < 400) return { status, body: parseJson(text), because: '' };
      const fault = faultOf(text);
      const because = `${fault?.message ?? text.slice(0, 200)} (HTTP ${status})`;
      if (isUnderstood(status, fault)) return { status, body: undefined, because };
      const wait = waitOf(response);
      if (wait !== undefined) {
        // It was not done, so that it may simply be sent again.
        if (performance.now() + wait * 1000 > deadline) throw this.unavailable(because);
        await sleep(wait * 1000);
      } else if (status === 401 && !renewed) {
        this.auth.forget(session);
        renewed = true;
      } else if ([401, 403, 413].includes(status)) {
        throw this.refused(`${method} ${new URL(url).pathname}`, { because });
      } else throw this.unavailable(because);
    }
  }
}
