import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    pool: 'forks',
    include: ['test/**/*.test.ts'],
    // They take minutes or need a browser, and have configurations of their own.
    exclude: ['test/faults/**', 'test/cinder/**', 'test/ui/**', '**/node_modules/**'],
    setupFiles: 'test/rig/fixed-seed.ts',
    globalSetup: 'test/rig/nothing-left.ts',
    testTimeout: 180_000,
    hookTimeout: 60_000,
    maxWorkers: 2,
    maxConcurrency: 3,
    coverage: {
      provider: 'istanbul',
      include: ['{workflows,activities,storage,connectors,copy,system,contract,client}/**/*.ts'],
      reporter: ['text-summary', 'json-summary'],
    },
  },
});
