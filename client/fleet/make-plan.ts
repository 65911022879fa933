import { CANARY_WAVE, type PlannedVolume } from '../../contract/fleet.ts';
import { parseVolume, type Volume, formatVolume, type VolumeRef } from '../../contract/volume.ts';
import type { Problem, Row } from './rows.ts';

const refOf = (text: string): VolumeRef => parseVolume(text) as VolumeRef;

/** A pattern with `*` for any text and `?` for any character. */
function matches(pattern: string, name: string): boolean {
  const parts = pattern.split(/([*?])/).map((part) => {
    if (part === '*') return '.*';
    return part === '?' ? '.' : part.replace(/[.+^${}()|[\]\\]/g, '\\$&');
  });
  return new RegExp(`^${parts.join('')}$`).test(name);
}

/** All volumes of a backend of that name pattern, each to the one of its id on another backend. */
export function rowsOfBackend(
  volumes: readonly Volume[],
  { to, name = '*', host }: { to: string; name?: string; host: string },
): Row[] {
  return volumes
    .filter(({ id }) => matches(name, id))
    .map((volume) => {
      const destination = formatVolume({ backend: to, id: volume.id });
      return { line: 0, value: { source: formatVolume(volume), destination, host } };
    });
}

/** Backends that volumes are of. */
export function backendsOf(volumes: readonly PlannedVolume[]): string[] {
  const names = volumes.flatMap(({ source, destination }) => [source, destination]);
  return [...new Set(names.map((name) => refOf(name).backend))];
}

/** Sizes as they are now, and why volumes cannot be copied. `lines`: where each is written. */
export function measure(
  planned: readonly PlannedVolume[],
  lines: readonly number[],
  found: readonly Volume[],
): { volumes: PlannedVolume[]; problems: Problem[] } {
  const sizes = new Map(found.map((volume) => [formatVolume(volume), volume.sizeBytes]));
  const problems: Problem[] = [];
  const volumes = planned.map((volume, i) => {
    const [source, destination] = [sizes.get(volume.source), sizes.get(volume.destination)];
    const refuse = (because: string) => problems.push({ line: lines[i] ?? 0, because });
    if (source === undefined) refuse(`${volume.source} does not exist`);
    if (destination === undefined) {
      const make =
        source === undefined ? '' : `: dray volume create ${volume.destination} ${source}`;
      refuse(`${volume.destination} does not exist${make}`);
    }
    if (source !== undefined && destination !== undefined && destination < source) {
      refuse(`${volume.destination} has ${destination} bytes, ${volume.source} has ${source}`);
    }
    return { ...volume, sizeBytes: source ?? 0 };
  });
  return { volumes, problems };
}

/** The first ones become canaries, the others waves of that size, where neither was written. */
export function inWaves(
  volumes: readonly PlannedVolume[],
  { canary = 0, waveSize = 0 }: { canary?: number; waveSize?: number },
): PlannedVolume[] {
  const order = volumes
    .map((_, i) => i)
    .sort((a, b) => rank(volumes, a) - rank(volumes, b) || a - b);
  const waves = new Map(
    order.map((place, nth) => {
      if (nth < canary) return [place, CANARY_WAVE];
      const { wave } = volumes[place] as PlannedVolume;
      return [place, waveSize === 0 ? wave : 1 + Math.floor((nth - canary) / waveSize)];
    }),
  );
  return volumes.map((volume, place) => ({ ...volume, wave: waves.get(place) ?? volume.wave }));
}

/** By wave, then by priority. */
function rank(volumes: readonly PlannedVolume[], place: number): number {
  const { wave, priority } = volumes[place] as PlannedVolume;
  return wave * 10 + priority;
}
