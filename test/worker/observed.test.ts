import type { WorkflowHandle } from '@temporalio/client';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { execa } from 'execa';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { showWorkflow } from '../../client/temporal/show.ts';
import type { HookMessage } from '../../contract/hooks.ts';
import { DECIDE_UPDATE } from '../../contract/messages.ts';
import { SERIES } from '../../contract/metrics.ts';
import { until } from '../rig/poll.ts';
import { freePort } from '../rig/ports.ts';
import { type Call, Receiver } from '../rig/receiver.ts';
import { SmallHouse } from '../rig/small-house.ts';

const ROOT = join(import.meta.dirname, '../..');
const MIB = 2 ** 20;
const BYTES = 16 * MIB;
const SECRET = `whsec_${Buffer.alloc(32, 'secret of a test').toString('base64')}`;

let directory: string;
let receiver: Receiver;
let house: SmallHouse;
let stalled: WorkflowHandle;
let parked: WorkflowHandle;
let metrics: string;

const messageOf = ({ body }: Call): HookMessage => JSON.parse(body) as HookMessage;

/** Stops a copier until its copy is told to stall. */
async function stall({ workflowId }: WorkflowHandle): Promise<void> {
  const pid = await until('a copier', async () => {
    const [step] = (await showWorkflow(house.client, workflowId)).steps;
    const { copierPid, bytesFlushed } = step?.beat?.progress ?? {};
    return bytesFlushed === undefined || bytesFlushed === 0 ? undefined : copierPid;
  });
  process.kill(pid, 'SIGSTOP');
  try {
    await until('the stall is told', () =>
      receiver.taken.some((call) => messageOf(call).type === 'run.stalled'),
    );
  } finally {
    process.kill(pid, 'SIGCONT');
  }
}

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'dray-observed-'));
  // Every message fails at first.
  receiver = await Receiver.open((nth) => (nth === 1 ? 500 : 204));
  const secretFile = join(directory, 'secret');
  await writeFile(secretFile, SECRET);
  const listen = `127.0.0.1:${await freePort()}`;
  const limits = { heartbeatSeconds: 3, scheduleToStartSeconds: 4, patienceSeconds: 60 };
  const deaf = { url: `http://127.0.0.1:${await freePort()}/`, secretFile };
  const hooks = { pager: { url: receiver.url, secretFile }, deaf };
  house = await SmallHouse.open({ more: () => ({ limits, hooks, metrics: { listen } }) });

  await house.plant('s1', 's2', BYTES);
  await house.plant('p1', 'p2', MIB);
  stalled = await house.copy('s1', 's2', { bytesPerSecond: 4 * MIB });
  parked = await house.copy('p1', 'p2', {}, 'elsewhere');
  await Promise.all([
    stall(stalled).then(() => stalled.result()),
    until('the parked step is told', () =>
      receiver.taken.some((call) => messageOf(call).type === 'run.parked'),
    ),
  ]);
  const step = 'getConnectorProperties';
  const decision = { step, decision: 'roll-back', reason: 'a test' };
  await parked.executeUpdate(DECIDE_UPDATE, { args: [decision] });
  await parked.result().catch(() => undefined);
  await until('both ends are told', () => receiver.taken.length === 4);
  metrics = await (await fetch(`http://${listen}/metrics`)).text();
}, 120_000);

afterAll(async () => {
  await house.close();
  await receiver.close();
  await rm(directory, { recursive: true });
});

const eventsOf = ({ workflowId }: WorkflowHandle): HookMessage[] =>
  receiver.taken.map(messageOf).filter(({ data }) => data.workflowId === workflowId);

it('a receiver that fails first is told the end, the stall and the parked step', () => {
  const volumes = { source: 'disks:s1', destination: 'disks:s2', host: 'mover' };
  expect(eventsOf(stalled)).toMatchObject([
    {
      type: 'run.stalled',
      data: { ...volumes, message: expect.stringMatching(/^no byte since /) },
    },
    { type: 'run.ended', data: { ...volumes, outcome: 'done' } },
  ]);
  expect(eventsOf(parked)).toMatchObject([
    { type: 'run.parked', data: { step: 'getConnectorProperties', code: 'HostGone' } },
    { type: 'run.ended', data: { outcome: 'failed', code: 'HostGone' } },
  ]);
});

it('a repeat has the same id and body, so that it can be told', () => {
  for (const { headers, body } of receiver.taken) {
    const repeats = receiver.of(headers['webhook-id']);
    expect(repeats.map(({ status }) => status)).toEqual([500, 204]);
    expect(repeats.map((call) => call.body)).toEqual([body, body]);
  }
});

/** The code of a language in docs/hooks.md. */
async function example(language: string, word: string): Promise<string> {
  const page = await readFile(join(ROOT, 'docs/hooks.md'), 'utf8');
  const blocks = [...page.matchAll(/```(\w+)\n([^]*?)```/g)];
  const found = blocks.find(([, name, code]) => name === language && code?.includes(word));
  return found![2]!;
}

const PYTHON = `
import json, sys
call = json.load(sys.stdin)
print(verify(call["secret"], call["headers"], call["body"].encode()))
`;

it('what docs/hooks.md does in Python and in the shell verifies each call, and no other', async () => {
  const python = (await example('python', 'def verify')) + PYTHON;
  const shell = await example('sh', 'verify.sh');
  const verified = async ({ headers, body }: Call, sent = body): Promise<unknown[]> => {
    const input = JSON.stringify({ secret: SECRET, headers, body: sent });
    const { stdout } = await execa('python3', ['-c', python], { input });
    const words = ['id', 'timestamp', 'signature'].map((word) =>
      String(headers[`webhook-${word}`]),
    );
    const argv = ['-c', shell, 'verify.sh', join(directory, 'secret'), ...words];
    const { exitCode } = await execa('sh', argv, { input: sent, reject: false });
    return [stdout, exitCode];
  };
  const [call] = receiver.taken;
  for (const each of receiver.taken) expect(await verified(each)).toEqual(['True', 0]);
  expect(await verified(call!, call!.body.replace('run.', 'fun.'))).toEqual(['False', 1]);
});

it('a receiver that is away holds up no copy, and no history has a URL or a secret', async () => {
  const { status } = await stalled.describe();
  expect(status.name).toBe('COMPLETED');
  const query = 'WorkflowType = "notifyHooks"';
  let seen = 0;
  for await (const { workflowId } of house.client.workflow.list({ query })) {
    const handle = house.client.workflow.getHandle(workflowId);
    expect((await handle.describe()).status.name).toBe('RUNNING');
    const text = JSON.stringify(historyToJSON(await handle.fetchHistory()));
    const payloads = [...text.matchAll(/[A-Za-z0-9+/]{16,}={0,2}/g)].map(([base64]) =>
      Buffer.from(base64, 'base64').toString(),
    );
    expect(payloads.join('\n')).toContain('"pager"');
    for (const secret of [SECRET, 'unspoken', receiver.url]) {
      expect([text, ...payloads].join('\n')).not.toContain(secret);
    }
    seen += 1;
  }
  expect(seen).toBe(4);
});

/** Values of a series by its labels. */
function values(name: string): { labels: string; value: number }[] {
  const lines = metrics.matchAll(new RegExp(`^${name}(?:\\{(.*)\\})? (\\S+)$`, 'gm'));
  return [...lines].map(([, labels = '', value]) => ({ labels, value: Number(value) }));
}

const sum = (name: string, ...having: string[]): number =>
  values(name)
    .filter(({ labels }) => having.every((label) => labels.includes(label)))
    .reduce((total, { value }) => total + value, 0);

it('a worker shows every series, and counts what its runs did', () => {
  const missing = Object.keys(SERIES).filter((name) => values(name).length === 0);
  expect(missing).toEqual([]);
  const pair = ['source_backend="disks"', 'destination_backend="disks"'];
  expect(sum('drayage_flushed_bytes_total', ...pair)).toBe(BYTES);
  expect(sum('drayage_stalls_total')).toBe(1);
  expect(sum('drayage_parked_steps_total', 'code="HostGone"')).toBe(1);
  expect(sum('drayage_ended_runs_total', 'outcome="done"', 'class="none"')).toBe(1);
  expect(sum('drayage_ended_runs_total', 'outcome="failed"', 'class="operator"')).toBe(1);
  expect(sum('drayage_undo_steps_total', 'step="removeExport"', 'outcome="done"')).toBe(2);
  expect(sum('drayage_fence_events_total', 'fence="copier"')).toBeGreaterThan(0);
  expect(sum('drayage_failed_steps_total', 'code="HookFailed"')).toBeGreaterThan(4);
  expect(sum('drayage_webhook_calls_total', 'outcome="delivered"')).toBe(4);
  expect(sum('drayage_data_steps_running')).toBe(0);
});

it('no label names a volume, a workflow or a run', () => {
  const ours = metrics.split('\n').filter((line) => line.startsWith('drayage_'));
  expect(ours.length).toBeGreaterThan(20);
  expect(ours.filter((line) => /s1|s2|p1|p2|copy\/|[0-9a-f]{8}-/.test(line))).toEqual([]);
});

it('Prometheus has nothing to say against names and units', async () => {
  const ours = metrics
    .split('\n')
    .filter((line) => /^(# \w+ )?drayage_/.test(line))
    // The SDK's own labels are not in snake case.
    .map((line) => line.replace(/taskQueue|workflowType|activityType/g, (l) => l.toLowerCase()));
  const input = `${ours.join('\n')}\n`;
  const { stdout, stderr } = await execa('promtool', ['check', 'metrics'], { input });
  expect({ stdout, stderr }).toEqual({ stdout: '', stderr: '' });
});

it.each(['prometheus/alerts.yaml', 'grafana/drayage.json'])(
  'deploy/%s names only series that a worker shows',
  async (file) => {
    const text = await readFile(join(ROOT, 'deploy', file), 'utf8');
    const named = new Set([...text.matchAll(/\bdrayage_\w+/g)].map(([name]) => name));
    expect(named.size).toBeGreaterThan(5);
    expect([...named].filter((name) => values(name).length === 0)).toEqual([]);
  },
);

/** The first workflow task after the message of the stall was handed on. */
async function taskAfterStall(): Promise<number> {
  const { events } = await stalled.fetchHistory();
  const told = events!.findIndex((event) => event.childWorkflowExecutionStartedEventAttributes);
  const task = events!.slice(told).find((event) => event.workflowTaskCompletedEventAttributes);
  return Number(task!.eventId);
}

it('a copy that is reset keeps what it told, and tells anew what happens from there', async () => {
  const before = receiver.taken.length;
  const where = ['--workflow-id', stalled.workflowId, '--event-id', `${await taskAfterStall()}`];
  await house.temporalCli('workflow', 'reset', ...where, '--reason', 'a test');
  await house.client.workflow.getHandle(stalled.workflowId).result();
  await until('the end is told again', () => receiver.taken.length > before);
  const told = receiver.taken.slice(before);
  expect(told.map((call) => messageOf(call).type)).toEqual(['run.ended']);
  expect(receiver.taken.slice(0, before).map(({ headers }) => headers['webhook-id'])).not.toContain(
    told[0]!.headers['webhook-id'],
  );
});
