import type { CopyInput, CopyOptions } from './copy.ts';
import { copyWorkflowId } from './ids.ts';
import { searchAttributes } from './search-attributes.ts';
import { formatVolume } from './volume.ts';

/** What a run works on, as it shows in lists; volumes as `backend:id`. */
type Concerned = { host: string; source?: string; destination: string };

/** Search attributes of a workflow that attaches volumes on a host, from its start. */
export function attributesAtStart({ host, source, destination }: Concerned) {
  return [
    { key: searchAttributes.phase, value: 'preparing' },
    { key: searchAttributes.host, value: host },
    ...(source === undefined ? [] : [{ key: searchAttributes.source, value: source }]),
    { key: searchAttributes.destination, value: destination },
    { key: searchAttributes.needsDecision, value: false },
  ];
}

function renderOptions(options: CopyOptions): string {
  const named = Object.entries(options).map(
    ([name, value]) => `${name} \`${JSON.stringify(value)}\``,
  );
  return named.join(', ') || 'the defaults';
}

/** How a copy is called and described, whoever starts it. */
export function copyAtStart(input: CopyInput) {
  const [source, destination] = [formatVolume(input.source), formatVolume(input.destination)];
  return {
    workflowId: copyWorkflowId(input.source),
    ...{ source, destination },
    summary: `${source} → ${destination} on ${input.host}`,
    details: [
      `Copies volume \`${source}\` onto \`${destination}\`, attached on host \`${input.host}\`.`,
      `Options: ${renderOptions(input.options)}.`,
      ...(input.standby ?? []).map((other) => `If it is lost, host \`${other}\` goes on.`),
      'Cancel it to roll back; do not terminate it.',
    ],
  };
}
