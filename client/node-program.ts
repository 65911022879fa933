import { fileURLToPath } from 'node:url';

/**
 * Arguments for `node` that run a program of this package: `path` without extension, relative to
 * `base`. From a checkout it is TypeScript and needs tsx, found beside this package and not in
 * the working directory; installed it is compiled.
 */
export function nodeProgram(path: string, base: string): string[] {
  const fromCheckout = base.endsWith('.ts');
  const file = fileURLToPath(new URL(`${path}${fromCheckout ? '.ts' : '.js'}`, base));
  return fromCheckout ? ['--import', import.meta.resolve('tsx'), file] : [file];
}
