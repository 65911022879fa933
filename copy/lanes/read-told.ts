import { z } from 'zod';
import { CHUNK_STATES } from '../../contract/copy.ts';
import { DrayError } from '../../contract/errors.ts';
import type { Told } from './job.ts';

const count = z.int().min(0);
const range = z.object({ offset: count, length: count });
const digest = z.string().exactOptional();
const chunk = range.extend({
  digests: z.object({ source: digest, destination: digest }),
  copied: z
    .object({
      state: z.enum(CHUNK_STATES),
      counts: z.object({
        bytesRead: count,
        bytesWritten: count,
        bytesSkipped: count,
        bytesZeroed: count,
      }),
      moved: count,
      unreadable: z.array(range),
    })
    .exactOptional(),
});
const setting = z.object({ lanes: count, requestBytes: count });

const toldSchema: z.ZodType<Told> = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('moved'), bytes: count, setting }),
  z.object({ kind: z.literal('done'), chunks: z.array(chunk) }),
  z.object({ kind: z.literal('notice'), words: z.string() }),
  z.object({ kind: z.literal('failed'), words: z.string() }),
]);

/** A message of the lanes' program, before anything is recorded because of it. @throws Unexpected */
export function readTold(message: unknown): Told {
  const told = toldSchema.safeParse(message);
  if (told.success) return told.data;
  const because = `the lanes tell what cannot be read: ${z.prettifyError(told.error)}`;
  throw new DrayError('Unexpected', { because });
}
