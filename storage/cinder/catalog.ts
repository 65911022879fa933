import { z } from 'zod';
import type { Cloud } from './cloud.ts';

/** Keystone's list of what a cloud offers and where. */
export const catalogSchema = z.array(
  z.object({
    type: z.string(),
    endpoints: z.array(
      z.object({ interface: z.string(), region_id: z.string().nullish(), url: z.string() }),
    ),
  }),
);
export type Catalog = z.infer<typeof catalogSchema>;

/** The catalogue's name of the service, and its former one. */
const SERVICES = ['block-storage', 'volumev3'];

/** URL of Cinder for the cloud's region and interface, or why there is none. */
export function endpointOf(
  catalog: Catalog,
  { region_name: region, interface: wanted }: Cloud,
): { url: string; missing?: never } | { url?: never; missing: string } {
  const found = SERVICES.flatMap((type) => catalog.filter((service) => service.type === type))
    .flatMap(({ endpoints }) => endpoints)
    .filter((e) => e.interface === wanted && (region === undefined || e.region_id === region))
    .find(({ url }) => /\/v3(\/|$)/.test(url));
  if (found !== undefined) return { url: found.url.replace(/\/+$/, '') };
  const where = region === undefined ? '' : ` in region ${region}`;
  const what = `${SERVICES.join(' or ')} of version 3`;
  return { missing: `its catalogue has no ${what} with interface ${wanted}${where}` };
}
