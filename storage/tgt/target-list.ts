import { DrayError } from '../../contract/errors.ts';

/** A target as `tgtadm --mode target --op show` names it; the body is read by parseTarget. */
export type ListedTarget = { tid: number; name: string; body: readonly string[] };

export type Session = { sid: number; initiator: string; cids: number[] };
export type LogicalUnit = { lun: number; serial: string; path: string; readOnly: boolean };

/** What tgtd says of one target. */
export type TargetFacts = {
  tid: number;
  name: string;
  sessions: Session[];
  units: LogicalUnit[];
  accounts: string[];
  /** Addresses and initiator names that are let in. */
  acl: string[];
};

type Section = 'system' | 'nexus' | 'lun' | 'account' | 'acl';

/** tgtd prints them in this order, so that a section inside a remote's words is told from it. */
const SECTIONS: readonly [title: string, section: Section][] = [
  ['    System information:', 'system'],
  ['    I_T nexus information:', 'nexus'],
  ['    LUN information:', 'lun'],
  ['    Account information:', 'account'],
  ['    ACL information:', 'acl'],
];

function unreadable(line: string): DrayError {
  const stderr = `a line of the list of targets cannot be read: ${JSON.stringify(line)}`;
  return new DrayError('ToolFailed', { tool: 'tgtadm', status: 'unknown output', stderr });
}

/** @throws ToolFailed for one that no number here can hold */
function numberIn(line: string, digits: string | undefined): number {
  const number = Number(digits);
  if (!Number.isSafeInteger(number)) throw unreadable(line);
  return number;
}

/** Splits the list into targets. @throws ToolFailed when a line belongs to none */
export function parseTargetList(text: string): ListedTarget[] {
  const targets: { tid: number; name: string; body: string[] }[] = [];
  for (const line of text.split('\n').filter((each) => each !== '')) {
    const head = /^Target (\d+): (\S+)$/.exec(line);
    const last = targets.at(-1);
    if (head?.[1] !== undefined && head[2] !== undefined) {
      targets.push({ tid: numberIn(line, head[1]), name: head[2], body: [] });
    } else if (last !== undefined && line.startsWith('    ')) {
      last.body.push(line);
    } else {
      throw unreadable(line);
    }
  }
  return targets;
}

/** Groups a target's lines by section, each of which must come exactly once and in order. */
function splitSections(body: readonly string[]): Record<Section, string[]> {
  const found: Record<Section, string[]> = { system: [], nexus: [], lun: [], account: [], acl: [] };
  let next = 0;
  for (const line of body) {
    if (line === SECTIONS[next]?.[0]) {
      next += 1;
      continue;
    }
    const current = SECTIONS[next - 1]?.[1];
    if (current === undefined || !line.startsWith('        ')) throw unreadable(line);
    found[current].push(line);
  }
  if (next !== SECTIONS.length) throw unreadable(body.at(-1) ?? '');
  return found;
}

function parseSessions(lines: readonly string[]): Session[] {
  const sessions: Session[] = [];
  for (const line of lines) {
    const nexus = /^ {8}I_T nexus: (\d+)$/.exec(line);
    if (nexus !== null) {
      sessions.push({ sid: numberIn(line, nexus[1]), initiator: '', cids: [] });
      continue;
    }
    const session = sessions.at(-1);
    if (session === undefined) throw unreadable(line);
    const initiator = /^ {12}Initiator: (.*?)( alias: .*)?$/.exec(line);
    const connection = /^ {12}Connection: (\d+)$/.exec(line);
    if (initiator?.[1] !== undefined) session.initiator = initiator[1];
    else if (connection !== null) session.cids.push(numberIn(line, connection[1]));
    else if (!/^ {16}(IP Address|RDMA IP Address): /.test(line)) throw unreadable(line);
  }
  return sessions;
}

function parseUnits(lines: readonly string[]): LogicalUnit[] {
  const units: LogicalUnit[] = [];
  for (const line of lines) {
    const head = /^ {8}LUN: (\d+)$/.exec(line);
    if (head !== null) {
      units.push({ lun: numberIn(line, head[1]), serial: '', path: '', readOnly: false });
      continue;
    }
    const unit = units.at(-1);
    const field = /^ {12}([^:]+): ?(.*)$/.exec(line);
    if (unit === undefined || field?.[2] === undefined) throw unreadable(line);
    if (field[1] === 'SCSI SN') unit.serial = field[2];
    if (field[1] === 'Backing store path') unit.path = field[2];
    if (field[1] === 'Readonly') unit.readOnly = field[2] === 'Yes';
  }
  return units;
}

/** @throws ToolFailed when anything is not as tgtd 1.0 prints it: a fact is never guessed */
export function parseTarget(target: ListedTarget): TargetFacts {
  const sections = splitSections(target.body);
  return {
    tid: target.tid,
    name: target.name,
    sessions: parseSessions(sections.nexus),
    units: parseUnits(sections.lun),
    accounts: sections.account.map((line) => line.trim()),
    acl: sections.acl.map((line) => line.trim()),
  };
}
