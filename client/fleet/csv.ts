import { CsvError, parse } from 'csv-parse/sync';
import { assertNone, refuse } from './problems.ts';
import type { Problem, Row } from './rows.ts';

const COLUMNS = ['source', 'destination', 'host', 'wave', 'priority', 'tenant'];
const NEEDED = ['source', 'destination'];
const NUMBERS = ['wave', 'priority'];

type Record = { record: string[]; info: { lines: number } };

function parseText(file: string, text: string): Record[] {
  try {
    return parse(text, {
      ...{ bom: true, trim: true, skip_empty_lines: true, relax_column_count: true, info: true },
      comment: '#',
      comment_no_infix: true,
    }) as unknown as Record[];
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    const line = Number(error['lines'] ?? 0);
    throw refuse(file, [{ line, because: error.message }], error);
  }
}

function headProblems({ record: names, info: { lines: line } }: Record): Problem[] {
  const because = [
    ...NEEDED.filter((name) => !names.includes(name)).map((name) => `column ${name} is missing`),
    ...names
      .filter((name) => !COLUMNS.includes(name))
      .map((name) => `column "${name}" is not one of ${COLUMNS.join(', ')}`),
    ...names
      .filter((name, i) => names.indexOf(name) !== i)
      .map((name) => `column "${name}" is there twice`),
  ];
  return because.map((reason) => ({ line, because: reason }));
}

/** What is left empty has its default. */
function valueOf(names: readonly string[], fields: readonly string[], host: string): object {
  const named = names.flatMap((name, i) => {
    const text = fields[i] ?? '';
    if (text === '') return [];
    return [[name, NUMBERS.includes(name) && /^\d+$/.test(text) ? Number(text) : text] as const];
  });
  return { host, ...Object.fromEntries(named) };
}

/**
 * The rows of a CSV file (RFC 4180) with a header; `host` is that of rows without one.
 * @throws FleetPlanInvalid with each line and reason
 */
export function readCsv(file: string, text: string, host: string): Row[] {
  const [head, ...records] = parseText(file, text);
  if (head === undefined) throw refuse(file, [{ line: 0, because: 'it is empty' }]);
  const names = head.record;
  assertNone(file, [
    ...headProblems(head),
    ...records.flatMap(({ record, info: { lines: line } }) => {
      const because = `it has ${record.length} fields, the header ${names.length}`;
      return record.length === names.length ? [] : [{ line, because }];
    }),
  ]);
  if (records.length === 0) throw refuse(file, [{ line: 0, because: 'it names no volume' }]);
  return records.map(({ record, info: { lines: line } }) => ({
    line,
    value: valueOf(names, record, host),
  }));
}
