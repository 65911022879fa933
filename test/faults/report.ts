import { readdir, readFile, writeFile } from 'node:fs/promises';
import { cpus, release } from 'node:os';
import { basename, join } from 'node:path';
import type { Result } from './row.ts';
import { LEFT_OUT } from './steps.ts';

const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ');

function table(rows: Result[]): string {
  const head = '| what was done | at step | set-up | outcome | bytes | left behind | s |';
  const lines = rows.map((row) => {
    const { done, step, setup, outcome, bytes, left, seconds, passed } = row;
    const verdict = passed ? outcome : `**NOT AS EXPECTED**: ${outcome}`;
    return `| ${[done, step, setup, verdict, bytes, left].map(cell).join(' | ')} | ${seconds} |`;
  });
  return [head, '|---|---|---|---|---|---|--:|', ...lines].join('\n');
}

/** Whether each file of rows has been run; a test file without rows does not use row.ts. */
async function isWhole(rows: Result[]): Promise<boolean> {
  for (const name of await readdir(import.meta.dirname)) {
    if (!name.endsWith('.test.ts') || rows.some((row) => basename(row.file) === name)) continue;
    const text = await readFile(join(import.meta.dirname, name), 'utf8');
    if (text.includes("from './row.ts'")) return false;
  }
  return true;
}

/** The table of a run, from its results and nothing else: one of all rows has its own place. */
export async function writeReport(
  results: string,
  places: { everything: string | undefined; some: string },
): Promise<void> {
  const rows = (await readFile(results, 'utf8'))
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Result)
    .sort((a, b) => a.order.localeCompare(b.order));
  if (rows.length === 0) return;
  const passed = rows.filter((row) => row.passed).length;
  const parts = [...new Set(rows.map((row) => row.part))];
  const text = [
    '# Faults',
    '',
    'Written by `WRITE_DOCS=1 npm run test:faults`; nothing here is typed by hand. Each row is a copy,',
    'or a comparison, over real iSCSI with a real Temporal server: what was done to it, at which step,',
    'how it ended. *Bytes*: the destination compared with the source where a copy completed, else each',
    'with what it was. *Left behind*: what a look at tgtd, mounts, processes, locks, cgroups and',
    'directories found afterwards, while the worker lived and once more after it had ended.',
    '',
    `${passed} of ${rows.length} rows as expected, ${new Date().toISOString().slice(0, 10)}, ` +
      `${cpus().length} cores, Linux ${release()}, Node ${process.version}.`,
    '',
    ...parts.flatMap((part) => [
      `## ${part.replace(/^[A-Z]\d* /, '')}`,
      '',
      table(rows.filter((row) => row.part === part)),
      '',
    ]),
    '## Left out',
    '',
    ...LEFT_OUT.map((line) => `- ${line}`),
    '',
  ].join('\n');
  await writeFile(places.some, text);
  if (places.everything !== undefined && (await isWhole(rows))) {
    await writeFile(places.everything, text);
  }
}
