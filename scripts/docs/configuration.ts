import { z } from 'zod';
import { configSchema } from '../../system/config/schema.ts';
import { meanings } from './setting-meanings.ts';

type Schema = {
  type?: string;
  description?: string;
  properties?: Record<string, Schema>;
  additionalProperties?: Schema | boolean;
  oneOf?: Schema[];
  anyOf?: Schema[];
  items?: Schema;
  enum?: (string | number)[];
  const?: string | number;
  default?: unknown;
  minimum?: number;
  maximum?: number;
};

type Setting = { key: string; type: string; byDefault: string };

function typeOf(schema: Schema): string {
  const { type, items, enum: values, anyOf, const: only, minimum, maximum } = schema;
  if (items !== undefined) return `list of ${typeOf(items)}`;
  if (values !== undefined) return values.map(String).join(', ');
  if (anyOf !== undefined) return anyOf.map(typeOf).join(', ');
  if (only !== undefined) return String(only);
  const bounded = minimum !== undefined && maximum !== undefined && maximum < 2 ** 53 - 1;
  return bounded ? `${type} ${minimum} to ${maximum}` : (type ?? '');
}

function settingsOf(schema: Schema, path: string): Setting[] {
  const at = (name: string): string => (path === '' ? name : `${path}.${name}`);
  if (schema.properties !== undefined) {
    return Object.entries(schema.properties).flatMap(([name, child]) =>
      settingsOf(child, at(name)),
    );
  }
  if (typeof schema.additionalProperties === 'object') {
    const child = schema.additionalProperties;
    const kinds = child.oneOf ?? child.anyOf;
    return kinds === undefined
      ? settingsOf(child, at('ID'))
      : kinds.flatMap((kind) => settingsOf(kind, at(`NAME (${kind.properties?.['type']?.const})`)));
  }
  const byDefault = schema.default === undefined ? '' : JSON.stringify(schema.default);
  return [{ key: path, type: typeOf(schema), byDefault }];
}

/** Every key that the configuration knows, in the order of the schema. */
export function settings(): Setting[] {
  const schema = z.toJSONSchema(configSchema, { io: 'input', unrepresentable: 'any' }) as Schema;
  return settingsOf(schema, '');
}

function meaningOf(key: string): string {
  const meaning = meanings[key];
  if (meaning === undefined) throw new Error(`scripts/docs/setting-meanings.ts lacks ${key}`);
  return meaning;
}

/** docs/configuration.md */
export function configurationPage(): string {
  return [
    '# Configuration',
    '',
    'One YAML file: `--config FILE`, else `$DRAY_CONFIG`, else `$XDG_CONFIG_HOME/drayage/config.yaml`',
    '(`~/.config/drayage/config.yaml`), which may be missing. `$DRAY_STATE_DIR` replaces the default',
    'state directory. An unknown key is an error. `dray config` prints what is in force.',
    '',
    'Temporal is looked for at `temporal.address`, else by `temporal.profile` or the environment',
    "(`TEMPORAL_*` and the configuration file of Temporal's own tools), else at 127.0.0.1 and",
    '`temporal.port`, where `dray server` starts it.',
    '',
    '| key | type | default | meaning |',
    '|---|---|---|---|',
    ...settings().map(({ key, type, byDefault }) => {
      const value = key === 'host' || byDefault === '' ? '' : `\`${byDefault}\``;
      return `| \`${key}\` | ${type} | ${value} | ${meaningOf(key)} |`;
    }),
    '',
    'For example:',
    '',
    '```yaml',
    'host: mover1',
    'backends:',
    '  disks: { type: file, root: /srv/volumes }',
    "  san: { type: tgt, root: /srv/targets, managed: true, portal: '127.0.0.1:3260' }",
    'copy: { slots: 4, bytesPerSecond: 104857600 }',
    '```',
    '',
  ].join('\n');
}
