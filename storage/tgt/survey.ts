import { DrayError } from '../../contract/errors.ts';
import { attachmentOf } from '../../contract/ids.ts';
import type { Sighting, Verdict } from '../../contract/leaks.ts';
import { OWN_ACCOUNT, type ExportRecord, type ExportRecords } from './export-record.ts';
import { parseTarget, type ListedTarget, type TargetFacts } from './target-list.ts';
import type { Tgtadm } from './tgtadm.ts';

const unknown = (because: string): Verdict => ({ state: 'unknown', because });
const foreign = (because: string): Verdict => ({ state: 'foreign', because });

type Recorded = { sightings: Sighting[]; users: Set<string> };

/** What the files say: a damaged one still has the attachment id in its name. */
async function recorded(records: ExportRecords, backend: string): Promise<Recorded> {
  const users = new Set<string>();
  const describe = async (attachmentId: string): Promise<Sighting> => {
    let record: ExportRecord | undefined;
    const files = `ls -l ${records.directory}/${attachmentId}.*`;
    const sighting = { kind: 'export', identity: attachmentId, look: files, attachmentId } as const;
    try {
      record = await records.read(attachmentId);
    } catch {
      // What it was of is told by its name and by the target.
      return sighting;
    }
    const access = record?.access;
    if (access !== undefined && 'user' in access) users.add(access.user ?? '');
    if (record === undefined) return sighting;
    return { ...sighting, volume: { backend, id: record.volumeId } };
  };
  const sightings: Sighting[] = [];
  for (const id of await records.list()) sightings.push(await describe(id));
  return { sightings, users };
}

type Described = { facts?: TargetFacts; sightings: Sighting[] };

/** A target and its sessions. Those of another name, or over other files, are somebody else's. */
function describeTarget(
  listed: ListedTarget,
  look: string,
  ownPaths: readonly string[],
): Described {
  const attachmentId = attachmentOf(listed.name);
  const target = { kind: 'target', identity: listed.name, look } as const;
  if (attachmentId === undefined) {
    return { sightings: [{ ...target, verdict: foreign('its name is not one of Drayage') }] };
  }
  let facts: TargetFacts;
  try {
    facts = parseTarget(listed);
  } catch (error) {
    return { sightings: [{ ...target, verdict: unknown((error as Error).message) }] };
  }
  const other = facts.units
    .filter(({ lun }) => lun !== 0)
    .find(({ path }) => !ownPaths.some((own) => path === own || path.startsWith(`${own}/`)));
  const belongs =
    other === undefined
      ? { attachmentId }
      : { verdict: foreign(`it exports ${other.path}, which is not of this backend`) };
  const sessions = facts.sessions.map(({ initiator }): Sighting => {
    return { kind: 'session', identity: `${initiator} at ${listed.name}`, look, ...belongs };
  });
  return { facts, sightings: [{ ...target, ...belongs }, ...sessions] };
}

/**
 * Exports as they are written down, then targets, sessions and accounts as tgtd tells them.
 * `ownPaths`: files, and directories of files, that this backend exports.
 */
export async function surveyExports(
  records: ExportRecords,
  tgt: Tgtadm,
  ownPaths: readonly string[],
): Promise<Sighting[]> {
  const { sightings, users } = await recorded(records, tgt.backend);
  const show = (mode: string): string =>
    `tgtadm -C ${tgt.controlPort} --lld iscsi --mode ${mode} --op show`;
  try {
    const look = show('target');
    const targets = (await tgt.targets()).map((each) => describeTarget(each, look, ownPaths));
    const bound = new Set(targets.flatMap(({ facts }) => facts?.accounts ?? []));
    const loose = (await tgt.accounts()).filter(
      (user) => OWN_ACCOUNT.test(user) && !bound.has(user) && !users.has(user),
    );
    const accounts = loose.map((user): Sighting => {
      const verdict = unknown('no target and no record names it');
      return { kind: 'account', identity: user, look: show('account'), verdict };
    });
    return [...sightings, ...targets.flatMap((target) => target.sightings), ...accounts];
  } catch (error) {
    if (!(error instanceof DrayError)) throw error;
    const identity = `control port ${tgt.controlPort}`;
    const verdict = unknown((error as DrayError).message);
    return [...sightings, { kind: 'target', identity, look: show('target'), verdict }];
  }
}
