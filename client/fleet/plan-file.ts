import { readFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { Document, isSeq, LineCounter, parseDocument, type YAMLSeq } from 'yaml';
import { DrayError } from '../../contract/errors.ts';
import {
  type FleetOrder,
  MAX_FLEET_VOLUMES,
  MAX_PLAN_BYTES,
  type PackedVolumes,
  type PlannedVolume,
} from '../../contract/fleet.ts';
import { packVolumes } from '../../contract/fleet-volumes.ts';
import { orderSchema } from './plan-schema.ts';
import { refuse } from './problems.ts';
import { explain, type Problem, readRows, type Row } from './rows.ts';

export type Plan = { order: FleetOrder; volumes: PlannedVolume[]; packed: PackedVolumes };

type Lines = (path: readonly PropertyKey[]) => number;

/** Where a key stands in the text, or what it is part of. */
function linesOf(document: Document.Parsed, counter: LineCounter): Lines {
  return (path) => {
    for (let length = path.length; length > 0; length -= 1) {
      const node = document.getIn(path.slice(0, length), true) as { range?: number[] } | undefined;
      if (node?.range !== undefined) return counter.linePos(node.range[0] ?? 0).line;
    }
    return 1;
  };
}

function rowsOf(document: Document.Parsed, lines: Lines, value: unknown): Row[] | Problem[] {
  const node = document.get('volumes', true);
  if (!isSeq(node) || !Array.isArray(value) || value.length === 0) {
    return [{ line: lines(['volumes']), because: 'volumes: must be a list of at least one' }];
  }
  return value.map((each: unknown, i) => ({ line: lines(['volumes', i]), value: each }));
}

function parse(
  file: string,
  text: string,
): { value: object; document: Document.Parsed; lines: Lines } {
  const lineCounter = new LineCounter();
  const document = parseDocument(text, { lineCounter, prettyErrors: false });
  if (document.errors.length > 0) {
    throw refuse(
      file,
      document.errors.map((error) => ({
        line: lineCounter.linePos(error.pos[0]).line,
        because: error.message,
      })),
    );
  }
  const lines = linesOf(document, lineCounter);
  try {
    const value: unknown = document.toJS();
    if (typeof value === 'object' && value !== null) return { value, document, lines };
  } catch (error) {
    // An alias of nothing, or one that would fill the memory.
    throw refuse(file, [{ line: 0, because: (error as Error).message }], error);
  }
  throw refuse(file, [{ line: 1, because: 'it is no map of settings and volumes' }]);
}

/** Why it is too large to travel; nothing where it is not. */
function sizeProblems(packed: PackedVolumes): Problem[] {
  const { rows } = packed;
  const bytes = Buffer.byteLength(JSON.stringify(packed));
  if (rows.length <= MAX_FLEET_VOLUMES && bytes <= MAX_PLAN_BYTES) return [];
  const because =
    `${rows.length} volumes of ${bytes} bytes are too many for one fleet: ` +
    `at most ${MAX_FLEET_VOLUMES} and ${MAX_PLAN_BYTES} bytes; make several plans`;
  return [{ line: 0, because }];
}

/** Reads a plan, whoever wrote it. @throws FleetPlanInvalid with every line and reason */
export function readPlan(file: string, text: string): Plan {
  const { value, document, lines } = parse(file, text);
  const { volumes: listed, ...settings } = value as { volumes?: unknown };
  const order = orderSchema.safeParse(settings);
  const rows = rowsOf(document, lines, listed);
  const isList = rows.every((row): row is Row => 'value' in row);
  const { volumes, problems } = isList ? readRows(rows) : { volumes: [], problems: rows };
  const wrong = [
    ...(order.error?.issues ?? []).map((issue) => {
      return { line: lines(issue.path), because: explain(issue) };
    }),
    ...problems,
  ];
  if (!order.success || wrong.length > 0) throw refuse(file, wrong);
  const packed = packVolumes(volumes);
  const tooLarge = sizeProblems(packed);
  if (tooLarge.length > 0) throw refuse(file, tooLarge);
  return { order: order.data, volumes, packed };
}

/** @throws FleetPlanInvalid */
export function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw refuse(file, [{ line: 0, because: (error as Error).message }], error);
  }
}

/** As text to be reviewed: one line a volume. */
export function renderPlan(order: FleetOrder, volumes: readonly PlannedVolume[]): string {
  const document = new Document({ ...order, volumes });
  document.commentBefore =
    ' A plan of `dray fleet plan`: see docs/fleets.md. Nothing is done before `dray fleet start`.';
  for (const item of (document.get('volumes') as YAMLSeq).items) {
    (item as { flow?: boolean }).flow = true;
  }
  return document.toString({ lineWidth: 0 });
}

/** Writes it to a file that must not be there yet. @throws BadOption */
export async function writePlan(file: string, text: string): Promise<void> {
  try {
    const handle = await open(file, 'wx', 0o644);
    await handle.writeFile(text).finally(() => handle.close());
  } catch (error) {
    const because = (error as Error).message;
    throw new DrayError('BadOption', { option: '--out', because }, { cause: error });
  }
}
