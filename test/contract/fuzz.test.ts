import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { parseBlockSize } from '../../contract/block-size.ts';
import { parseBytes, parseRate } from '../../contract/bytes.ts';
import { attachmentId, copyIdOf, parseAttachmentId, parseCopyId } from '../../contract/ids.ts';
import { BACKEND_NAME, parseVolume, VOLUME_ID } from '../../contract/volume.ts';
import { itSurvives } from '../rig/fuzz.ts';

const RUN_ID = '0198f0f0-1111-7222-8333-444455556666';
const COPY_ID = `copy.san.vm.1.${RUN_ID}`;
const because = z.string().min(1);
const owner = z.strictObject({
  workflowId: z.string().regex(/^[a-z]+\/[a-z0-9-]+:./s),
  firstRunId: z.guid(),
});

describe('whatever is typed or named', () => {
  itSurvives([
    {
      name: 'a number of bytes is one, or the reason is told',
      sample: '10GiB',
      parse: (bytes) => parseBytes(bytes.toString()),
      answers: z.union([z.int().min(0), because]),
    },
    {
      name: 'a rate is positive, or the reason is told',
      sample: '100MiB/s',
      parse: (bytes) => parseRate(bytes.toString()),
      answers: z.union([z.int().min(1), because]),
    },
    {
      name: 'a block size is one that a request may have, or refused',
      sample: '64M',
      parse: (bytes) => parseBlockSize(bytes.toString()),
      answers: z.int().min(1).max(0x7ffff000),
      refuses: ['BadBlockSize'],
    },
    {
      name: 'a volume has a name of a backend and an id, or is none',
      sample: 'san-1:vm_1.data',
      parse: (bytes) => parseVolume(bytes.toString()),
      answers: z
        .strictObject({ backend: z.string().regex(BACKEND_NAME), id: z.string().regex(VOLUME_ID) })
        .optional(),
    },
    {
      name: 'an id of a copy says whose it is, or is none',
      sample: COPY_ID,
      parse: (bytes) => parseCopyId(bytes.toString()),
      answers: owner.optional(),
    },
    {
      name: 'an id of an attachment says what it was made from, or is none',
      sample: `${COPY_ID}.destination.12`,
      parse: (bytes) => parseAttachmentId(bytes.toString()),
      answers: z
        .strictObject({
          copyId: z.string(),
          owner,
          role: z.enum(['source', 'destination']),
          move: z.int().min(0),
        })
        .optional(),
    },
  ]);
});

it('an id tells exactly what it was made from', () => {
  const made = fc.record({
    backend: fc.stringMatching(BACKEND_NAME),
    id: fc.stringMatching(VOLUME_ID),
    firstRunId: fc.uuid(),
    role: fc.constantFrom('source' as const, 'destination' as const),
    move: fc.nat(99_999),
  });
  const property = fc.property(made, ({ backend, id, firstRunId, role, move }) => {
    const whose = { workflowId: `copy/${backend}:${id}`, firstRunId };
    const copyId = copyIdOf(whose);
    expect(parseCopyId(copyId)).toEqual(whose);
    const told = { copyId, owner: whose, role, move };
    expect(parseAttachmentId(attachmentId(whose, role, move))).toEqual(told);
  });
  fc.assert(property);
});
