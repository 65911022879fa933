import type { Client } from '@temporalio/client';
import { encodeSearchAttributeIndexedValueType } from '@temporalio/common/lib/search-attributes.js';
import { type Finding, well, wrong } from '../../../contract/examination.ts';
import { searchAttributes } from '../../../contract/search-attributes.ts';
import type { Config } from '../../../system/config/schema.ts';
import { temporalCommand } from './temporal-command.ts';

const CHECK = 'temporal.search-attributes';
type Attribute = (typeof searchAttributes)[keyof typeof searchAttributes];

const namesOf = (attributes: readonly Attribute[]): string =>
  attributes.map(({ name }) => name).join(', ');

function command(config: Config, ...words: string[]): string {
  return temporalCommand(config, 'operator', 'search-attribute', ...words);
}

/** `KEYWORD` is `Keyword` in the words of Temporal's CLI, which makes one at a time. */
function createCommand(config: Config, { name, type }: Attribute): string {
  const typeName = type.charAt(0) + type.slice(1).toLowerCase();
  return command(config, 'create', '--name', name, '--type', typeName);
}

function replaceCommand(config: Config, attribute: Attribute): string {
  const removal = command(config, 'remove', '--name', attribute.name, '--yes');
  return `${removal} && ${createCommand(config, attribute)}`;
}

/** Whether lists can be filtered by what Drayage tells of its workflows. */
export async function examineSearchAttributes(client: Client, config: Config): Promise<Finding[]> {
  const { namespace } = client.options;
  const { customAttributes } = await client.connection.operatorService.listSearchAttributes({
    namespace,
  });
  const all = Object.values(searchAttributes);
  const missing = all.filter(({ name }) => !(name in customAttributes));
  const mistyped = all.filter(({ name, type }) => {
    const registered = customAttributes[name];
    return registered !== undefined && registered !== encodeSearchAttributeIndexedValueType(type);
  });
  const mend = (how: typeof createCommand, of: Attribute[]): string =>
    of.map((attribute) => how(config, attribute)).join(' && ');
  const findings: Finding[] = [];
  if (missing.length > 0) {
    const sentence = `search attributes are not registered: ${namesOf(missing)}`;
    findings.push(wrong(CHECK, sentence, mend(createCommand, missing)));
  }
  if (mistyped.length > 0) {
    const sentence = `search attributes are registered with another type: ${namesOf(mistyped)}`;
    findings.push(wrong(CHECK, sentence, mend(replaceCommand, mistyped)));
  }
  if (findings.length > 0) return findings;
  return [well(CHECK, `${all.length} search attributes are registered`)];
}
