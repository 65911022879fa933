import { expect, it } from 'vitest';
import { placesOf } from '../../client/temporal/doctor/places.ts';
import type { HostExamination, Place } from '../../contract/examination.ts';

const host = (name: string, seals: boolean) => ({ host: name, connects: [], seals, queues: [] });
const examined = (name: string, key: string, opens = [key]): HostExamination => ({
  ...{ host: name, findings: [] },
  keys: { seals: key, opens },
});
const sentencesOf = (places: Place[]): string[] =>
  places.flatMap(({ place, findings }) => findings.map(({ sentence }) => `${place}: ${sentence}`));

it('a host that cannot open what another one seals is told which key it lacks', () => {
  const hosts = [host('storage', true), host('mover', true), host('files', false)];
  const examination = {
    // An older key of the mover's was handed to the storage host; the files host shares none.
    hosts: [examined('storage', 'b', ['a', 'b']), examined('mover', 'a'), examined('files', 'c')],
    backends: [],
  };
  const places = placesOf(hosts, [], examination);
  expect(sentencesOf(places)).toEqual([
    'host mover: sealing key b is not on this host; hand it over from storage',
  ]);
  const mend = places[1]?.findings[0]?.mend;
  expect(mend).toBe('dray key export b | ssh mover dray key import');
});

it('a host with a worker that nobody could ask is unknown, not well', () => {
  const places = placesOf([host('mover', false)], [], { hosts: [], backends: [] });
  expect(places[0]?.findings).toMatchObject([{ check: 'host.answer', state: 'unknown' }]);
});
