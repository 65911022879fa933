import type { Command } from 'commander';
import { EXIT_MEANINGS } from '../../client/exit-codes.ts';
import { buildProgram } from '../../client/program.ts';

function section(command: Command, path: string): string[] {
  const own = command.commands.length === 0 || path === 'dray';
  const help = command.helpInformation({ error: false }).trimEnd();
  return [
    ...(own ? ['', `## ${path}`, '', '```', help, '```'] : []),
    ...command.commands.flatMap((child) => section(child, `${path} ${child.name()}`)),
  ];
}

/** docs/commands.md: what every `--help` prints. */
export function commandsPage(): string {
  const program = buildProgram();
  const configure = (command: Command): void => {
    command.configureHelp({ helpWidth: 100 });
    command.commands.forEach(configure);
  };
  configure(program);
  return [
    '# Commands',
    '',
    'Volumes are written `backend:id`. A copy is named by its workflow id (`copy/backend:id`) or, for',
    'short, by its source volume; a comparison by its workflow id (`verify/backend:id`). `--json` prints one JSON document on stdout and nothing else there;',
    'progress and errors for people go to stderr.',
    '',
    '| exit code | meaning |',
    '|---|---|',
    ...Object.entries(EXIT_MEANINGS).map(([code, meaning]) => `| ${code} | ${meaning} |`),
    ...section(program, 'dray'),
    '',
  ].join('\n');
}
