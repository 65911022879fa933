import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

/** A call of a webhook, as it came. */
export type Call = { headers: IncomingHttpHeaders; body: string; status: number };

/** A receiver of webhooks on loopback; `answer` gives the status for a message's nth call. */
export class Receiver {
  readonly calls: Call[] = [];
  readonly #server: Server;

  private constructor(answer: (nth: number) => number) {
    this.#server = createServer((request, response) => {
      const { headers } = request;
      void text(request).then((body) => {
        const status = answer(this.of(headers['webhook-id']).length + 1);
        this.calls.push({ headers, body, status });
        response.writeHead(status, { location: '/elsewhere' }).end();
      });
    });
  }

  static async open(answer: (nth: number) => number): Promise<Receiver> {
    const receiver = new Receiver(answer);
    receiver.#server.listen(0, '127.0.0.1');
    await once(receiver.#server, 'listening');
    return receiver;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/hook?token=unspoken`;
  }

  /** The calls of one message. */
  of(id: string | string[] | undefined): Call[] {
    return this.calls.filter(({ headers }) => headers['webhook-id'] === id);
  }

  get taken(): Call[] {
    return this.calls.filter(({ status }) => status < 300);
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }
}
