import { z } from 'zod';
import { type PlannedVolume } from '../../contract/fleet.ts';
import { parseVolume } from '../../contract/volume.ts';
import { hostId } from '../../system/config/schema.ts';

/** One line of a CSV file or of a plan, as it was found. */
export type Row = { line: number; value: unknown };
export type Problem = { line: number; because: string };

const volume = z.string().refine((text) => parseVolume(text) !== undefined, {
  error: ({ input }) => `"${String(input)}" is not a volume: write backend:id`,
});

const rowSchema = z.strictObject({
  source: volume,
  destination: volume,
  host: hostId,
  wave: z.int().min(0).max(9999).default(1),
  priority: z.int().min(1).max(5).default(3),
  tenant: z
    .string()
    .regex(/^[\w.@-]{1,64}$/, 'must be 1 to 64 letters, digits and . _ @ -')
    .optional(),
  sizeBytes: z.int().min(0).default(0),
});

/** One phrase a problem: the key, then the reason. */
export function explain(issue: z.core.$ZodIssue): string {
  if (issue.code === 'unrecognized_keys') return `${issue.keys.join(', ')}: is not known here`;
  const key = issue.path.join('.');
  return key === '' ? issue.message : `${key}: ${issue.message}`;
}

/** A volume is written once in a fleet: two copies onto it, or one onto what is read, lose data. */
class Roles {
  readonly #lines = new Map<string, number>();

  /** Why it cannot be; it is taken from now on. */
  take({ line }: Row, { source, destination }: PlannedVolume): Problem[] {
    if (source === destination) {
      return [{ line, because: `source and destination are both ${source}` }];
    }
    return [source, destination].flatMap((name) => {
      const before = this.#lines.get(name);
      if (before === undefined) this.#lines.set(name, line);
      return before === undefined
        ? []
        : [{ line, because: `${name} is in line ${before} already` }];
    });
  }
}

/** Every row that can be, and every reason why the others cannot. */
export function readRows(rows: readonly Row[]): { volumes: PlannedVolume[]; problems: Problem[] } {
  const roles = new Roles();
  const volumes: PlannedVolume[] = [];
  const problems: Problem[] = [];
  for (const row of rows) {
    const read = rowSchema.safeParse(row.value);
    if (!read.success) {
      const reasons = read.error.issues.map(explain);
      problems.push(...reasons.map((because) => ({ line: row.line, because })));
      continue;
    }
    const { tenant, ...rest } = read.data;
    const planned: PlannedVolume = { ...rest, ...(tenant === undefined ? {} : { tenant }) };
    problems.push(...roles.take(row, planned));
    volumes.push(planned);
  }
  return { volumes, problems };
}
