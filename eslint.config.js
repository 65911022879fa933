import js from '@eslint/js';
import { builtinModules } from 'node:module';
import tseslint from 'typescript-eslint';

const builtins = builtinModules.flatMap((name) => [name, `node:${name}`]);

/** What a folder may import of the project (design: arrows point one way). */
const arrows = {
  contract: [],
  system: ['contract'],
  storage: ['contract', 'system'],
  connectors: ['contract', 'system'],
  copy: ['contract', 'system'],
  activities: ['contract', 'system', 'storage', 'connectors', 'copy'],
  client: ['contract', 'system/config', 'system/on-path.ts'],
};
const folders = [...Object.keys(arrows), 'workflows', 'test', 'bench', 'scripts'];

/** Import patterns that a folder must not use, as rules of no-restricted-imports. */
function fence(folder, allowed) {
  const forbidden = folders.filter((name) => name !== folder && !allowed.includes(name));
  const message = `${folder} may import only ${['itself', ...allowed].join(', ')}`;
  return [
    ...forbidden.map((name) => {
      const parts = allowed.filter((path) => path.startsWith(`${name}/`));
      const except = parts.map((path) => `(?!${path.slice(name.length + 1)}(?:/|$))`).join('');
      return { regex: `^(\\.\\./)+${name}/${except}`, message };
    }),
    { regex: '^(\\.\\./)+worker(/|\\.ts|$)', message: 'nothing imports the worker' },
  ];
}

export default tseslint.config(
  { ignores: ['dist', 'coverage', 'node_modules'] },
  js.configs.recommended,
  tseslint.configs.strictTypeChecked,
  {
    languageOptions: {
      parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname },
    },
    rules: {
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowNullish: true },
      ],
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/consistent-type-definitions': 'off',
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      'object-shorthand': 'error',
    },
  },
  ...Object.entries(arrows).map(([folder, allowed]) => ({
    files: [`${folder}/**/*.ts`],
    rules: { 'no-restricted-imports': ['error', { patterns: fence(folder, allowed) }] },
  })),
  {
    files: ['client/**/*.ts'],
    rules: {
      'no-restricted-imports': [
        'error',
        {
          paths: [
            '@temporalio/worker',
            '@temporalio/workflow',
            '@temporalio/activity',
            '@temporalio/testing',
          ],
          patterns: fence('client', arrows.client),
        },
      ],
    },
  },
  {
    files: ['workflows/**/*.ts'],
    rules: {
      'no-restricted-imports': [
        'error',
        {
          paths: builtins.map((name) => ({ name, message: 'workflows do no I/O' })),
        },
      ],
      '@typescript-eslint/no-restricted-imports': [
        'error',
        {
          patterns: [
            {
              regex: '^(\\.\\./)+activities/',
              allowTypeImports: true,
              message: 'workflows know only the types of activities',
            },
            ...fence('workflows', ['contract', 'activities']),
          ],
        },
      ],
      'no-restricted-globals': [
        'error',
        ...[
          'Date',
          'performance',
          'process',
          'setInterval',
          'setImmediate',
          'fetch',
          'crypto',
          'WeakRef',
          'FinalizationRegistry',
        ].map((name) => ({
          name,
          message: 'not deterministic: use what @temporalio/workflow offers',
        })),
      ],
      'no-restricted-properties': [
        'error',
        { object: 'Math', property: 'random', message: 'not deterministic' },
      ],
      'no-restricted-syntax': [
        'error',
        {
          selector: 'Program > VariableDeclaration[kind="let"]',
          message: 'no module state in workflows',
        },
      ],
    },
  },
  {
    files: ['test/**/*.ts', 'bench/**/*.ts'],
    rules: {
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
    },
  },
  { files: ['**/*.js'], extends: [tseslint.configs.disableTypeChecked] },
);
