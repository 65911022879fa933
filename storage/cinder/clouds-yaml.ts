import { LineCounter, parseDocument } from 'yaml';
import { z } from 'zod';
import type { CloudEntry } from './cloud-entry.ts';

const fileSchema = z.object({ clouds: z.record(z.string(), z.looseObject({})).default({}) });

/** Paths and reasons alone: no value may show, since some are secrets. */
export function problemsOf({ issues }: z.ZodError): string {
  return issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; ');
}

/** Why a file is of no use, in words that quote nothing of it. */
export class Unusable extends Error {}

/** YAML's own messages and warnings quote the line, or what is wrong in it. */
function parseYaml(source: string): unknown {
  const lineCounter = new LineCounter();
  const document = parseDocument(source, {
    ...{ prettyErrors: false, logLevel: 'error', lineCounter },
    // As PyYAML, which reads YAML 1.1, does with `<<`.
    merge: true,
    intAsBigInt: true,
  });
  const [problem] = document.errors;
  if (problem !== undefined) {
    const { line } = lineCounter.linePos(problem.pos[0]);
    throw new Unusable(`it is not YAML, from line ${line} on`);
  }
  try {
    return document.toJS() as unknown;
  } catch {
    const because = 'it has an alias of nothing, or a merge of what is no map';
    throw new Unusable(`${because}: a value that begins with * needs quotes`);
  }
}

/** The entries of a clouds.yaml by name. @throws Unusable */
export function parseClouds(source: string): Record<string, CloudEntry> {
  const parsed = fileSchema.safeParse(parseYaml(source) ?? {});
  if (parsed.success) return parsed.data.clouds;
  throw new Unusable(problemsOf(parsed.error));
}
