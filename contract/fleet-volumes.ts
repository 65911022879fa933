import type { PackedVolume, PackedVolumes, PlannedVolume } from './fleet.ts';
import { formatVolume, parseVolume, type VolumeRef } from './volume.ts';

/** A name that was checked when the plan was read. */
const refOf = (text: string): VolumeRef => parseVolume(text) as VolumeRef;

/** Backends, hosts and tenants once each: a plan of 10,000 volumes has to fit one payload. */
export function packVolumes(volumes: readonly PlannedVolume[]): PackedVolumes {
  const places = new Map<string, number>();
  const placeOf = (name: string): number => {
    const place = places.get(name) ?? places.size;
    places.set(name, place);
    return place;
  };
  const rows = volumes.map((volume): PackedVolume => {
    const [source, destination] = [refOf(volume.source), refOf(volume.destination)];
    return [
      placeOf(source.backend),
      source.id,
      placeOf(destination.backend),
      destination.id === source.id ? '' : destination.id,
      placeOf(volume.host),
      volume.wave,
      volume.priority,
      volume.tenant === undefined ? -1 : placeOf(volume.tenant),
      volume.sizeBytes,
    ];
  });
  return { names: [...places.keys()], rows };
}

/** The inverse of packVolumes. */
export function unpackVolumes({ names, rows }: PackedVolumes): PlannedVolume[] {
  const nameAt = (place: number): string => names[place] ?? '';
  return rows.map(([from, sourceId, to, id, host, wave, priority, tenant, sizeBytes]) => ({
    source: formatVolume({ backend: nameAt(from), id: sourceId }),
    destination: formatVolume({ backend: nameAt(to), id: id === '' ? sourceId : id }),
    ...{ host: nameAt(host), wave, priority, sizeBytes },
    ...(tenant < 0 ? {} : { tenant: nameAt(tenant) }),
  }));
}
