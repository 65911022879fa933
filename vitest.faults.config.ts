import { defineConfig } from 'vitest/config';

/** The fault table: real servers, real kills. Rows of one file run in order, files side by side. */
export default defineConfig({
  test: {
    pool: 'forks',
    include: ['test/faults/**/*.test.ts'],
    globalSetup: ['test/faults/setup.ts'],
    testTimeout: 300_000,
    hookTimeout: 120_000,
    maxWorkers: 4,
  },
});
