import { readChunkStates, STATE_BITS } from '../../contract/chunk-states.ts';
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

const MOST_CELLS = 4096;

/** The state of every chunk. @throws CertificateInvalid for what no copy can have written */
export function decodeChunks(chunkStates: string): Cell[] {
  const states = readChunkStates(chunkStates);
  if ('because' in states) {
    throw new DrayError('CertificateInvalid', { because: `its map of chunks: ${states.because}` });
  }
  return Array.from(states, (byte) => {
    const state = CHUNK_STATES[byte & STATE_BITS] as ChunkState;
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
