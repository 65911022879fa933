import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    pool: 'forks',
    include: ['test/**/*.test.ts'],
    // They take minutes and have a configuration of their own.
    exclude: ['test/faults/**', '**/node_modules/**'],
    globalSetup: 'test/rig/nothing-left.ts',
    testTimeout: 180_000,
    hookTimeout: 60_000,
    maxWorkers: 2,
    coverage: {
      provider: 'istanbul',
      include: ['{workflows,activities,storage,connectors,copy,system,contract,client}/**/*.ts'],
      reporter: ['text-summary', 'json-summary'],
    },
  },
});
