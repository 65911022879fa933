import { once } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import { text } from 'node:stream/consumers';

type Question = {
  method: string;
  headers: Record<string, string>;
  body?: string;
  /** PEM of the CAs to trust instead of those that Node trusts by itself. */
  ca?: string;
  /** For the whole answer. */
  seconds: number;
};

export type RawAnswer = { status: number; headers: http.IncomingHttpHeaders; text: string };

/** The origin alone, as the rest may have a token in it. */
function originOf(location: string, base: string): string {
  return URL.canParse(location, base) ? new URL(location, base).origin : 'nowhere';
}

function reasonOf(error: unknown): string {
  const { message, code } = error as NodeJS.ErrnoException;
  // What was tried at several addresses has no message of its own.
  return message || (code ?? 'no answer');
}

/**
 * Sends one request. A redirect is never followed: it would take the token to another host, and make
 * a GET of a change. Rejects with the reason as message where there is no whole answer.
 */
export async function ask(url: string, { body, seconds, ...rest }: Question): Promise<RawAnswer> {
  const signal = AbortSignal.timeout(seconds * 1000);
  const options = { ...rest, signal };
  try {
    const request = url.startsWith('https:')
      ? https.request(url, options)
      : http.request(url, options);
    // What breaks off in the middle of an answer is told by the answer as well.
    request.on('error', () => undefined);
    const begun = once(request, 'response');
    request.end(body);
    const [response] = (await begun) as [http.IncomingMessage];
    const { statusCode: status = 0, headers } = response;
    const whole = await text(response);
    if (status < 300 || status >= 400) return { status, headers, text: whole };
    throw new Error(`HTTP ${status}: a redirect to ${originOf(headers.location ?? '', url)}`);
  } catch (error) {
    throw new Error(reasonOf(signal.aborted ? signal.reason : error), { cause: error });
  }
}
