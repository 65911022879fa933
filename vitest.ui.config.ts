import { defineConfig } from 'vitest/config';

/** What people see and do in Temporal's Web UI, in a real browser. Tests of one file go in order. */
export default defineConfig({
  test: {
    pool: 'forks',
    include: ['test/ui/**/*.test.ts'],
    globalSetup: 'test/rig/nothing-left.ts',
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
