import type { TestProject } from 'vitest/node';
import nothingLeft from '../rig/nothing-left.ts';
import type { Settings } from '../rig/cinder/settings.ts';
import { startCinder } from '../rig/cinder/start.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** Of the Cinder that all tests share. */
    cinder: Settings;
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const assertNothingLeft = await nothingLeft();
  const { settings, stop } = await startCinder();
  project.provide('cinder', settings);
  return async () => {
    await stop();
    await assertNothingLeft();
  };
}
