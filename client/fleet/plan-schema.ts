import { z } from 'zod';
import { parseBlockSize } from '../../contract/block-size.ts';
import { ENGINES, ON_READ_ERROR, VERIFY_MODES } from '../../contract/copy.ts';
import { engineAsked } from '../../contract/engine-asked.ts';
import { DrayError } from '../../contract/errors.ts';
import { FLEET_NAME, MAX_AT_ONCE } from '../../contract/fleet.ts';
import { parseSpan } from '../../system/config/timetable.ts';

/** What is refused with a DrayError becomes one problem of its key. */
function passes<T>(check: (value: T) => unknown) {
  return (value: T, context: z.RefinementCtx): void => {
    try {
      check(value);
    } catch (error) {
      if (!(error instanceof DrayError)) throw error;
      context.addIssue({ code: 'custom', message: error.message });
    }
  };
}

function isTimeZone(timeZone: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone }) instanceof Intl.DateTimeFormat;
  } catch {
    return false;
  }
}

const atOnce = z.int().min(1).max(MAX_AT_ONCE);

const optionsSchema = z
  .strictObject({
    engine: z.enum(['auto', ...ENGINES]).exactOptional(),
    blockSize: z.string().superRefine(passes(parseBlockSize)).exactOptional(),
    bytesPerSecond: z.int().min(1).exactOptional(),
    ionice: z
      .strictObject({
        class: z.literal([1, 2, 3]),
        level: z.int().min(0).max(7).exactOptional(),
      })
      .exactOptional(),
    verify: z.enum(VERIFY_MODES).exactOptional(),
    onReadError: z.enum(ON_READ_ERROR).exactOptional(),
  })
  .superRefine(passes(engineAsked));

/** Everything of a plan but its volumes. */
export const orderSchema = z.strictObject({
  id: z.guid(),
  name: z.string().regex(FLEET_NAME, 'must be letters, digits and . _ -, at most 64'),
  madeAt: z.iso.datetime(),
  options: optionsSchema,
  limits: z.strictObject({
    total: atOnce,
    perBackend: atOnce.exactOptional(),
    perHost: atOnce.exactOptional(),
    perPair: atOnce.exactOptional(),
    perTenant: atOnce.exactOptional(),
  }),
  stop: z.strictObject({
    failures: z.int().min(1).max(MAX_AT_ONCE),
    percent: z.int().min(1).max(100).exactOptional(),
  }),
  windows: z.array(z.string().superRefine(passes(parseSpan))).max(20),
  timeZone: z.string().refine(isTimeZone, 'is not the name of a time zone'),
});
