import { expect, it } from 'vitest';
import type { Attachment } from '../../contract/attachment.ts';
import { attachmentId, copyIdOf, parseAttachmentId } from '../../contract/ids.ts';
import type { Sighting, OwnerFacts, ReleaseState, Survey } from '../../contract/leaks.ts';
import { findBelongings } from '../../workflows/leaks/belongings.ts';
import { judge } from '../../workflows/leaks/judge.ts';

const owner = { workflowId: 'copy/disks:a.b', firstRunId: '0198f0f0-1111-7222-8333-444455556666' };
const source = { backend: 'disks', id: 'a.b' };
const destination = { backend: 'san', id: 'b' };
const ids = {
  source: attachmentId(owner, 'source', 0),
  destination: attachmentId(owner, 'destination', 0),
};
const input = { host: 'mover', source, destination };
const record: Attachment = {
  ...{ id: ids.destination, volume: destination, role: 'destination', accessMode: 'rw' },
  owner: { namespace: 'default', ...owner, hostId: 'mover', destination },
};

const sighting = (facts: Partial<Sighting>): Sighting => ({
  ...{ kind: 'target', identity: 'x', look: 'look' },
  ...facts,
});
const claim = sighting({
  ...{ kind: 'claim', record },
  ...{ attachmentId: ids.destination, shortName: 'short' },
});
const on = (place: string, ...sightings: Sighting[]): Survey => ({ place, sightings });

type World = {
  surveys: Survey[];
  ownerIs: OwnerFacts;
  releaseIs?: ReleaseState;
  namespace?: string;
};

/** The last thing found. */
function judged({ surveys, ownerIs, releaseIs = 'none', namespace = 'default' }: World) {
  const answers = { namespace, ownerIs: () => ownerIs, releaseIs: () => releaseIs };
  return judge(findBelongings(surveys).at(-1)!, answers);
}

it('an attachment id tells what it was derived from, dots in names or not', () => {
  expect(parseAttachmentId(ids.source)).toEqual({
    ...{ copyId: copyIdOf(owner), owner },
    ...{ role: 'source', move: 0 },
  });
  expect(parseAttachmentId('copy.disks.a.source.0')).toBeUndefined();
});

const open: OwnerFacts = { state: 'open' };
const ended: OwnerFacts = { state: 'ended', input };
const gone: OwnerFacts = { state: 'gone' };
const backend = (facts: Partial<Sighting>) => [on('backend/san', sighting(facts))];
const target = backend({ attachmentId: ids.destination, volume: destination });
const verdict = { state: 'foreign', because: 'not ours' } as const;
const withClaim = (facts: Partial<Sighting>) => [on('host/mover', claim, sighting(facts))];

it.each<[string, World, string, RegExp]>([
  ['its owner runs', { surveys: target, ownerIs: open }, 'live', /at work/],
  ['its release runs', { surveys: target, ownerIs: ended, releaseIs: 'open' }, 'live', /^release/],
  [
    'its owner has ended, written down',
    { surveys: withClaim(claim), ownerIs: ended },
    'orphan',
    /has ended$/,
  ],
  [
    'nobody knows its owner, written down',
    { surveys: withClaim(claim), ownerIs: gone },
    'orphan',
    /^Temporal knows no such/,
  ],
  [
    'its owner has ended, not written down',
    { surveys: target, ownerIs: ended },
    'orphan',
    /no claim/,
  ],
  [
    'it was left by decision',
    { surveys: target, ownerIs: ended, releaseIs: 'held' },
    'orphan',
    /held/,
  ],
  ['nobody knows its owner', { surveys: target, ownerIs: gone }, 'unknown', /knows no such/],
  [
    'its owner tells no volumes',
    { surveys: target, ownerIs: { state: 'ended' } },
    'unknown',
    /no longer/,
  ],
  [
    'its owner was about another volume',
    { surveys: backend({ attachmentId: ids.source, volume: destination }), ownerIs: ended },
    ...(['unknown', /it is of san:b/] as const),
  ],
  [
    'its host cannot be told',
    { surveys: backend({ attachmentId: attachmentId(owner, 'source', 1) }), ownerIs: ended },
    ...(['unknown', /which host/] as const),
  ],
  ['the place says so', { surveys: backend({ verdict }), ownerIs: ended }, 'foreign', /not ours/],
  [
    'its owner is of another namespace, even if one of that name has ended here',
    { surveys: withClaim(claim), ownerIs: ended, namespace: 'other' },
    ...(['foreign', /namespace default/] as const),
  ],
  ['no name is known', { surveys: backend({}), ownerIs: ended }, 'unknown', /which attachment/],
  [
    'its name is none of ours',
    { surveys: backend({ attachmentId: 'x' }), ownerIs: ended },
    'unknown',
    /no workflow/,
  ],
  [
    'a directory of an attachment known elsewhere',
    { surveys: withClaim({ shortName: 'short' }), ownerIs: open },
    'live',
    /at work/,
  ],
  [
    'a copier of a copy known elsewhere',
    { surveys: withClaim({ copyId: copyIdOf(owner) }), ownerIs: open },
    'live',
    /at work/,
  ],
])('%s', (_, world, state, because) => {
  const { acquisition, orphan } = judged(world);
  expect(acquisition).toMatchObject({ state, because: expect.stringMatching(because) });
  expect(orphan !== undefined).toBe(state === 'orphan');
});

it('what is taken back is the attachment as it was made, written down or not', () => {
  const copier = sighting({ kind: 'copier', copyId: copyIdOf(owner), volume: destination });
  const rebuilt = judged({ surveys: [on('host/mover', copier)], ownerIs: ended });
  expect(rebuilt.orphan).toEqual(record);
  expect(rebuilt.acquisition.release).toBe(`release/${ids.destination}`);
  const claimed = judged({ surveys: withClaim({ shortName: 'short' }), ownerIs: gone });
  expect(claimed.orphan).toBe(record);
});

it('what a backend cannot call its own is listed as the one that shares its server knows it', () => {
  const theirs = sighting({ identity: 'theirs', verdict });
  const unknown = { state: 'unknown', because: 'not told' } as const;
  // A file of that name may be on every host.
  const file = { kind: 'reservation', identity: '/srv/vm1.json' } as const;
  const found = findBelongings([
    on('backend/other', sighting({ verdict }), theirs),
    on('backend/third', sighting({ verdict: unknown }), sighting({ ...file, verdict: unknown })),
    on('backend/san', sighting({ attachmentId: ids.destination }), theirs),
    on('backend/far', sighting({ ...file, attachmentId: ids.source })),
  ]);
  expect(found.map(({ place, sighting: { identity } }) => `${place} ${identity}`)).toEqual([
    'backend/other theirs',
    'backend/third /srv/vm1.json',
    'backend/san x',
    'backend/san theirs',
    'backend/far /srv/vm1.json',
  ]);
});
