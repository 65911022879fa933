import { z } from 'zod';

const volume = z.strictObject({ backend: z.string(), id: z.string() });

/** An attachment as every reader of a file with one has to answer it. */
export const attachmentSchema = z.strictObject({
  id: z.string(),
  volume,
  role: z.enum(['source', 'destination']),
  accessMode: z.enum(['ro', 'rw']),
  owner: z.strictObject({
    namespace: z.string(),
    workflowId: z.string(),
    firstRunId: z.string(),
    hostId: z.string(),
    destination: volume,
  }),
  exported: z
    .strictObject({
      name: z.string(),
      serial: z.string().optional(),
      sizeBytes: z.number(),
      readsAsZeros: z.boolean(),
      reservation: z.string(),
    })
    .optional(),
});

/** A value sealed for the way through Temporal. */
export const sealedSchema = z.strictObject({ sealed: z.string(), keyId: z.string() });
