import { createHash } from 'node:crypto';
import { expect, it } from 'vitest';
import { MerkleTree } from '../../copy/merkle.ts';

const sha = (...parts: (Buffer | string)[]): Buffer => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest();
};

/** MTH of RFC 9162 §2.1.1, as it is written there. */
function mth(leaves: readonly Buffer[]): Buffer {
  const [only] = leaves;
  if (only === undefined) return sha('');
  if (leaves.length === 1) return sha(Buffer.of(0), only);
  let k = 1;
  while (k * 2 < leaves.length) k *= 2;
  return sha(Buffer.of(1), mth(leaves.slice(0, k)), mth(leaves.slice(k)));
}

it.each([0, 1, 2, 3, 4, 5, 7, 8, 9, 31, 33, 100])('%d leaves, set in any order', (count) => {
  const leaves = Array.from({ length: count }, (_, i) =>
    i % 3 === 2 ? Buffer.alloc(0) : sha(`${i}`),
  );
  expect(new MerkleTree(leaves).root).toBe(mth(leaves).toString('hex'));
  const tree = new MerkleTree(leaves.map(() => Buffer.alloc(0)));
  leaves.map((_, i) => (i * 37) % count).forEach((i) => tree.set(i, leaves[i] as Buffer));
  leaves.forEach((leaf, i) => tree.set(i, leaf));
  expect(tree.root).toBe(mth(leaves).toString('hex'));
});
