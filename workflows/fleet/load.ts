import type { FleetLimits, PlannedVolume } from '../../contract/fleet.ts';

const backendOf = (volume: string): string => volume.slice(0, volume.indexOf(':'));

/** What a volume counts for, and the limit of that. */
function sharesOf(volume: PlannedVolume): [share: string, limit: keyof FleetLimits][] {
  const [from, to] = [backendOf(volume.source), backendOf(volume.destination)];
  return [
    [`backend ${from}`, 'perBackend'],
    ...(to === from ? [] : [[`backend ${to}`, 'perBackend'] as [string, 'perBackend']]),
    [`host ${volume.host}`, 'perHost'],
    [`pair ${from} ${to}`, 'perPair'],
    ...(volume.tenant === undefined
      ? []
      : [[`tenant ${volume.tenant}`, 'perTenant'] as [string, 'perTenant']]),
  ];
}

/** The copies that are at work at once. */
export class Load {
  #total = 0;
  readonly #shares = new Map<string, number>();

  constructor(private readonly limits: FleetLimits) {}

  get isFull(): boolean {
    return this.#total >= this.limits.total;
  }

  add(volume: PlannedVolume): void {
    this.#total += 1;
    for (const [share] of sharesOf(volume)) {
      this.#shares.set(share, (this.#shares.get(share) ?? 0) + 1);
    }
  }

  fits(volume: PlannedVolume): boolean {
    if (this.isFull) return false;
    return sharesOf(volume).every(([share, limit]) => {
      return (this.#shares.get(share) ?? 0) < (this.limits[limit] ?? Infinity);
    });
  }
}
