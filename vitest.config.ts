import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    pool: 'forks',
    include: ['test/**/*.test.ts'],
    exclude: ['test/faults/**', '**/node_modules/**'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    maxWorkers: 2,
    coverage: {
      provider: 'istanbul',
      include: ['{workflows,activities,storage,connectors,copy,system,contract,client}/**/*.ts'],
      reporter: ['text-summary', 'json-summary'],
    },
  },
});
