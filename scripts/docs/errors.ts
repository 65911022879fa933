import { catalogue, type ErrorClass } from '../../contract/errors.ts';

const CLASSES: Record<ErrorClass, string> = {
  retry: 'may go away by itself; the step is repeated',
  operator: 'waits for a person to mend something',
  user: 'asked for something that cannot be',
  bug: 'a mistake in Drayage',
};

/** docs/errors.md */
export function errorsPage(): string {
  const entries = Object.entries(catalogue);
  return [
    '# Errors',
    '',
    '`dray --json` prints an error as `{"error": {"code", "message", "class", "whatToDo"}}`; in Temporal',
    'the code is the failure type. Words in `{}` are filled in.',
    '',
    ...Object.entries(CLASSES).map(
      ([name, meaning]) => `- [\`${name}\`](runbook/${name}.md): ${meaning}`,
    ),
    '',
    '| code | class | meaning | what to do |',
    '|---|---|---|---|',
    ...entries.map(
      ([code, { class: errorClass, sentence, whatToDo }]) =>
        `| ${code} | ${errorClass} | ${sentence} | ${whatToDo} |`,
    ),
    '',
  ].join('\n');
}
