import {
  type Examination,
  type Finding,
  type HostExamination,
  type Place,
  wrong,
} from '../../../contract/examination.ts';
import { hasWorker, type ServedBackend, type ServedHost } from './served.ts';

const NOT_ASKED = 'it could not be asked more, since no worker runs workflows';

/** What its worker says of it, after what is known of its queues. */
function allOf(
  of: { queues: Finding[] },
  check: string,
  answer: { findings: Finding[] } | undefined,
): Finding[] {
  if (answer !== undefined) return [...of.queues, ...answer.findings];
  if (!hasWorker(of)) return of.queues;
  return [...of.queues, { check, state: 'unknown', sentence: NOT_ASKED }];
}

/** What a host cannot open of what the others seal now. */
function keysMissingAt(
  { host, keys }: HostExamination,
  others: readonly HostExamination[],
): Finding[] {
  return others.flatMap((other) => {
    const key = other.keys?.seals;
    if (keys === undefined || key === undefined || keys.opens.includes(key)) return [];
    const sentence = `sealing key ${key} is not on this host; hand it over from ${other.host}`;
    const mend = `dray key export ${key} | ssh ${host} dray key import`;
    return [wrong('host.keys', sentence, mend)];
  });
}

/** Host by host, then backend by backend. */
export function placesOf(
  hosts: readonly ServedHost[],
  backends: readonly ServedBackend[],
  examination: Examination,
): Place[] {
  const sealing = hosts.filter(({ seals }) => seals).map(({ host }) => host);
  const sealers = examination.hosts.filter(({ host }) => sealing.includes(host));
  const ofHost = (known: ServedHost): Place => {
    const answer = examination.hosts.find(({ host }) => host === known.host);
    const keys = answer && sealers.includes(answer) ? keysMissingAt(answer, sealers) : [];
    const findings = [...allOf(known, 'host.answer', answer), ...keys];
    return { place: `host ${known.host}`, findings };
  };
  const ofBackend = (known: ServedBackend): Place => {
    const answer = examination.backends.find(({ backend }) => backend === known.backend);
    const findings = allOf(known, 'backend.answer', answer);
    return { place: `backend ${known.backend}`, findings };
  };
  return [...hosts.map(ofHost), ...backends.map(ofBackend)];
}
