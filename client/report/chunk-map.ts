import { inflateRawSync } from 'node:zlib';
import { CHUNK_REPEATED, CHUNK_STATES, type ChunkState } from '../../contract/copy.ts';
import { DrayError } from '../../contract/errors.ts';

/** What one cell of the map stands for: of several chunks the most remarkable one. */
export type Cell = ChunkState | 'repeated';

/** The most remarkable first. */
export const CELLS: readonly Cell[] = [
  'unreadable',
  'missing',
  'repeated',
  'copied',
  'zeroed',
  'skipped',
];

const STATE_BITS = 0x0f;
/** 16 times the chunks of the largest volume foreseen, 16 TiB in chunks of 64 MiB. */
const MOST_CHUNKS = 2 ** 22;
const MOST_CELLS = 4096;

/** The state of every chunk. @throws CertificateInvalid for what no copy can have written */
export function decodeChunks(chunkStates: string): Cell[] {
  const invalid = (because: string): DrayError =>
    new DrayError('CertificateInvalid', { because: `its map of chunks: ${because}` });
  let bytes: Buffer;
  try {
    bytes = inflateRawSync(Buffer.from(chunkStates, 'base64'), { maxOutputLength: MOST_CHUNKS });
  } catch (error) {
    throw invalid((error as Error).message);
  }
  return Array.from(bytes, (byte) => {
    const state = CHUNK_STATES[byte & STATE_BITS];
    if (state === undefined || byte > (STATE_BITS | CHUNK_REPEATED)) {
      throw invalid(`${byte} is no state`);
    }
    const isRepeated = state === 'copied' && (byte & CHUNK_REPEATED) !== 0;
    return isRepeated ? 'repeated' : state;
  });
}

/** At most 4096 cells for any number of chunks, each standing for `chunksPerCell` of them. */
export function cellsOf(chunks: readonly Cell[]): { cells: Cell[]; chunksPerCell: number } {
  const chunksPerCell = Math.max(1, Math.ceil(chunks.length / MOST_CELLS));
  const rank = new Map(CELLS.map((cell, i) => [cell, i]));
  const cells: Cell[] = [];
  chunks.forEach((chunk, i) => {
    const at = Math.floor(i / chunksPerCell);
    const shown = cells[at];
    if (shown === undefined || Number(rank.get(chunk)) < Number(rank.get(shown))) cells[at] = chunk;
  });
  return { cells, chunksPerCell };
}

/** How many chunks there are of each kind, without those of which there is none. */
export function countCells(chunks: readonly Cell[]): Map<Cell, number> {
  const counts = new Map<Cell, number>();
  for (const cell of CELLS) {
    const count = chunks.filter((chunk) => chunk === cell).length;
    if (count > 0) counts.set(cell, count);
  }
  return counts;
}
