import type { Attachment } from '../../contract/attachment.ts';
import type { DeviceView, ExportView, Inspection } from '../../contract/inspection.ts';
import { renderLost } from '../../contract/lost-host.ts';
import { formatVolume } from '../../contract/volume.ts';
import type { Explained } from '../temporal/explain.ts';
import type { Wait } from '../temporal/waits.ts';
import { renderSeconds } from './quantities.ts';
import { renderPause, renderShown } from './show.ts';

/** With the commands that end it. */
export type Answered = Wait & { next: string[] };

function renderSince(since: string | undefined): string {
  if (since === undefined) return '';
  const seconds = (Date.now() - new Date(since).getTime()) / 1000;
  return ` since ${since} (${renderSeconds(seconds)})`;
}

const HOW_QUEUES_END: [prefix: string, where: string][] = [
  ['host/', 'on that host'],
  ['backend/', 'where that backend can be driven'],
  ['', 'on any host'],
];

/** What is waited for, and what is known of the reason, in the words of who said it. */
function renderReason(wait: Wait): string[] {
  switch (wait.kind) {
    case 'decision': {
      const { step, code, message, whatToDo, since } = wait.parked;
      const head = `${step} waits for a decision${renderSince(since)}`;
      return [head, `  ${code}: ${message}`, `  ${whatToDo}`];
    }
    case 'pausedInTemporal': {
      const { activity, paused } = wait.step;
      return [`${activity} is ${renderPause(paused ?? { by: 'somebody' })}`];
    }
    case 'retry': {
      const { activity, attempt, retryAt, lastFailure } = wait.step;
      const when = retryAt === undefined ? 'runs' : `begins at ${retryAt.toISOString()}`;
      const again = `${activity} is tried again${renderSince(wait.since)}`;
      const head = `${again}: attempt ${attempt} ${when}`;
      const failed = lastFailure === undefined ? [] : [`  last failure: ${lastFailure}`];
      return [head, ...failed, '  Nothing has to be done: it is parked once patience is over.'];
    }
    case 'stalled': {
      const failed = wait.step?.lastFailure;
      return [
        `no byte was moved${renderSince(wait.since)}`,
        ...(failed === undefined ? [] : [`  last failure: ${failed}`]),
        '  It is tried again by itself, and parked in the end.',
      ];
    }
    case 'worker': {
      const [, where] = HOW_QUEUES_END.find(([prefix]) => wait.queue.startsWith(prefix)) ?? [];
      const head = `no worker answers on queue ${wait.queue}${renderSince(wait.since)}`;
      return [head, `  Start one ${where}, and look at its log.`];
    }
    case 'slot':
      return [
        `${wait.step.activity} waits for a slot of ${wait.step.queue}${renderSince(wait.since)}`,
        '  Its worker was there in the last minutes. Nothing has to be done unless that has ended.',
      ];
    case 'paused':
      return [`it is paused${renderSince(wait.since)}`];
  }
}

const renderWait = (wait: Answered): string =>
  [...renderReason(wait), ...wait.next.map((command) => `    ${command}`)].join('\n');

function renderDevice({ claimed, path, silent }: DeviceView): string {
  if (path === undefined) return claimed ? 'was to be connected, is not' : 'not connected';
  return silent === undefined ? `${path} gives bytes` : `${path} is silent: ${silent}`;
}

function renderExport(id: string, { reservedBy, exported, sessions }: ExportView): string {
  const whose = reservedBy === id ? 'this copy' : reservedBy;
  return [
    reservedBy === undefined ? 'not reserved' : `reserved for ${whose}`,
    exported ? 'exported' : 'not exported',
    ...(sessions.length === 0 ? [] : [`logged in: ${sessions.join(', ')}`]),
  ].join(', ');
}

function renderNow(host: string, attachments: readonly Attachment[], now: Inspection): string[] {
  const seen = 'answer' in now.host ? now.host.answer : undefined;
  const pids = seen?.copierPids ?? [];
  const copier = pids.length === 0 ? 'no copier runs' : `copier ${pids.join(', ')} runs`;
  const words =
    'answer' in now.host
      ? `its worker answers (epoch ${now.host.answer.epoch}), ${copier}`
      : now.host.unanswered;
  return [
    `now, on host ${host}: ${words}`,
    ...attachments.flatMap(({ id, role, volume }) => {
      const device = seen?.devices[id];
      const target = now.exports[id];
      const name = `  ${role} ${formatVolume(volume)}`;
      return [
        ...(device === undefined ? [] : [`${name}: ${renderDevice(device)}`]),
        ...(target === undefined
          ? []
          : [
              `${name}: ${'answer' in target ? renderExport(id, target.answer) : target.unanswered}`,
            ]),
      ];
    }),
  ];
}

/** Why an open run does not go on, how everything it works with is now, and what to do. */
export function renderWhy(explained: Omit<Explained, 'waits'> & { waits: Answered[] }): string {
  const { workflowId, state, waits, now, status, phase, host, source, destination } = explained;
  const { unseen = 'no worker answers for the workflow' } = explained;
  if (state !== 'running') return renderShown(explained);
  const goesOn = `it waits for nothing; watch it with: dray watch ${workflowId}`;
  return [
    `${workflowId}, ${source} → ${destination}: ${status?.phase ?? phase}`,
    ...(waits.length === 0 ? [goesOn] : waits.map(renderWait)),
    ...(status?.lost ?? []).map(renderLost),
    ...(now === undefined || status === undefined
      ? [`how host ${host} is now cannot be told: ${unseen}`]
      : renderNow(status.host, status.attachments, now)),
  ].join('\n');
}
