import fc from 'fast-check';

/**
 * The same cases in every run, so that a failure is of the change that it came with. Others, and more
 * of them, are tried by FUZZ_SEED.
 */
fc.configureGlobal({ seed: Number(process.env['FUZZ_SEED'] ?? 20261123) });
