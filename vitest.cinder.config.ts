import { defineConfig } from 'vitest/config';

/** A real Cinder, started once; its tests leave it as they found it and run one after the other. */
export default defineConfig({
  test: {
    pool: 'forks',
    include: ['test/cinder/**/*.test.ts'],
    globalSetup: ['test/cinder/setup.ts'],
    testTimeout: 300_000,
    hookTimeout: 120_000,
    maxWorkers: 1,
  },
});
