import { expect, it } from 'vitest';
import { Exclusion } from '../../system/exclusion.ts';

it('runs one act at a time for a key, in order, whatever the one before met', async () => {
  const exclusion = new Exclusion();
  const log: string[] = [];
  const act =
    (name: string, fails = false) =>
    async (): Promise<string> => {
      log.push(`${name} starts`);
      await new Promise((resolve) => setTimeout(resolve, 5));
      log.push(`${name} ends`);
      if (fails) throw new Error(name);
      return name;
    };
  const done = await Promise.allSettled([
    exclusion.run('k', act('a')),
    exclusion.run('k', act('b', true)),
    exclusion.run('k', act('c')),
  ]);
  expect(done.map((each) => each.status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  expect(log).toEqual(['a', 'b', 'c'].flatMap((name) => [`${name} starts`, `${name} ends`]));
});

it('lets acts of different keys run side by side', async () => {
  const exclusion = new Exclusion();
  let open: (() => void) | undefined;
  const waiting = exclusion.run('a', () => new Promise<void>((resolve) => (open = resolve)));
  await exclusion.run('b', () => Promise.resolve(open?.()));
  await waiting;
});
