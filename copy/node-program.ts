import { createRequire } from 'node:module';
import { dirname, extname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const HERE = fileURLToPath(import.meta.url);
const EXTENSION = extname(HERE);
/** From a checkout programs are TypeScript and need a loader; installed they are JavaScript. */
const NEEDS_LOADER = EXTENSION === '.ts';

const pathOf = (name: string): string => join(dirname(HERE), `${name}${EXTENSION}`);

/** argv of a program of this folder, for example `lanes/main`. */
export function nodeProgram(name: string): string[] {
  if (!NEEDS_LOADER) return [process.execPath, pathOf(name)];
  const loader = pathToFileURL(createRequire(HERE).resolve('tsx')).href;
  return [process.execPath, '--import', loader, pathOf(name)];
}

/** What to start a thread with, for example `lanes/lane`: none has its process's loader. */
export function threadProgram(name: string): URL {
  const entry = pathToFileURL(pathOf(name));
  if (!NEEDS_LOADER) return entry;
  const loader = import.meta.resolve('tsx/esm/api');
  const script = `import { register } from '${loader}'; register(); await import('${entry.href}');`;
  return new URL(`data:text/javascript,${encodeURIComponent(script)}`);
}
