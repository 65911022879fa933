import { DrayError } from '../../contract/errors.ts';
import { assertCurrent } from '../../system/epoch.ts';
import { runTool, type ToolResult } from '../../system/run.ts';
import type { BackendContext } from '../context.ts';
import { createAccount } from './management-socket.ts';
import {
  parseTarget,
  parseTargetList,
  type ListedTarget,
  type TargetFacts,
} from './target-list.ts';

/** tgtadm ends with the errno of its connect(2): ENOTCONN where no tgtd listens. */
const ENOTCONN = 107;
/**
 * What tgtadm says where tgtd is not there, or ends between the question and its answer: then also
 * with exit status 0, and an answer that looks as if there were nothing.
 */
const AWAY = /tgt daemon|can't get the response|a partial response|tgtd closed the socket/;
const TIMEOUT_SECONDS = 10;

/** A control port of tgtd, by its program tgtadm. */
export class Tgtadm {
  constructor(
    readonly backend: string,
    readonly controlPort: number,
    readonly context: Pick<BackendContext, 'epoch'>,
  ) {}

  async #run(args: readonly string[]): Promise<ToolResult> {
    const argv = ['-C', String(this.controlPort), '--lld', 'iscsi', ...args];
    let result: ToolResult;
    try {
      result = await runTool('tgtadm', argv, { timeoutSeconds: TIMEOUT_SECONDS });
    } catch (error) {
      if (!(error instanceof DrayError) || error.code !== 'ToolFailed') throw error;
      throw this.#unavailable('tgtd gives no answer', error);
    }
    if (result.status === ENOTCONN || AWAY.test(result.stderr)) {
      throw this.#unavailable(result.stderr.trim());
    }
    return result;
  }

  #unavailable(because: string, cause?: unknown): DrayError {
    return new DrayError('BackendUnavailable', { backend: this.backend, because }, { cause });
  }

  /** @throws BackendUnavailable, ToolFailed */
  async look(...args: string[]): Promise<string> {
    const result = await this.#run(args);
    if (result.status === 0) return result.stdout;
    throw this.#failed(result);
  }

  /**
   * Changes something, the epoch being checked right before. Answers false where tgtd says so with
   * words that match `otherwise`. @throws WorkerSuperseded, BackendUnavailable, ToolFailed
   */
  async change(args: readonly string[], otherwise?: RegExp): Promise<boolean> {
    assertCurrent(this.context.epoch);
    const result = await this.#run(args);
    if (result.status === 0) return true;
    if (otherwise?.test(result.stderr) === true) return false;
    throw this.#failed(result);
  }

  /** @throws WorkerSuperseded, BackendUnavailable, ToolFailed */
  async createAccount(user: string, password: string): Promise<void> {
    assertCurrent(this.context.epoch);
    await createAccount(this.backend, this.controlPort, user, password);
  }

  async targets(): Promise<ListedTarget[]> {
    return parseTargetList(await this.look('--mode', 'target', '--op', 'show'));
  }

  /** undefined when there is no target of that name. */
  async target(name: string): Promise<TargetFacts | undefined> {
    const found = (await this.targets()).find((target) => target.name === name);
    return found === undefined ? undefined : parseTarget(found);
  }

  /** Names of all accounts; they are tgtd's, not a target's. */
  async accounts(): Promise<string[]> {
    const [, ...lines] = (await this.look('--mode', 'account', '--op', 'show')).split('\n');
    return lines.map((line) => line.trim()).filter(Boolean);
  }

  #failed(result: ToolResult): DrayError {
    const status = result.signal ?? `exit status ${result.status}`;
    return new DrayError('ToolFailed', { tool: 'tgtadm', status, stderr: result.stderr.trim() });
  }
}
