import type { Stage } from '../stage.ts';
import type { Cost } from './cost.ts';
import { timeBareEngine, timeWholeCopy, VARIANTS } from './ours.ts';
import { NoFigure, timeCommands } from './run-tool.ts';
import type { Pair } from './storages.ts';
import { TOOLS } from './tools.ts';

/** `bare`: the engine alone; `whole`: `dray copy` as its user waits for it. */
export type Kind = 'peer' | 'limit' | 'bare' | 'whole';

/** One column of the comparison: who copies a pair, and how that is measured. */
export type Job = {
  tool: string;
  kind: Kind;
  isDirect: boolean;
  /** @throws NoFigure */
  measure: (pair: Pair, limitSeconds: number) => Promise<Cost>;
};

/** Everything that is compared on one pair. */
export function jobsFor(stage: Stage, { storage, content }: Pair): Job[] {
  const peers = TOOLS.map(({ name, kind, isDirect, commands, refuses }): Job => {
    const measure: Job['measure'] = async (pair, limitSeconds) => {
      const because = refuses?.(pair);
      if (because !== undefined) throw new NoFigure(because);
      return timeCommands(commands(pair), limitSeconds);
    };
    return { tool: name, kind, isDirect, measure };
  });
  const bare = VARIANTS.map((variant): Job => ({
    tool: variant.name,
    kind: 'bare',
    isDirect: true,
    measure: (pair, limitSeconds) => timeBareEngine(stage, pair, variant, limitSeconds),
  }));
  // A volume that was ever written is copied to with its zeros, and 1 TiB of them would not fit.
  const hasWhole = (storage === 'file' || storage === 'iscsi') && content === 'dense';
  const whole = (hasWhole ? VARIANTS : []).flatMap(({ name, flags }): Job[] =>
    flags === undefined
      ? []
      : [
          {
            tool: `dray copy, ${name}`,
            kind: 'whole',
            isDirect: true,
            measure: () => timeWholeCopy(stage, storage as 'file' | 'iscsi', flags),
          },
        ],
  );
  return [...peers, ...bare, ...whole];
}
