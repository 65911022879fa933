import { type Command, Option, Argument } from 'commander';
import { DrayError } from '../contract/errors.ts';
import { type Decision, type DecisionKind, DECISIONS } from '../contract/messages.ts';
import { readWorkflowId } from './arguments.ts';
import { perform } from './command.ts';

type Options = { reason: string; host?: string; hostIsOff?: true };

/** @throws BadOption */
function readDecision(step: string, decision: DecisionKind, options: Options): Decision {
  const { reason, host, hostIsOff } = options;
  if ((decision === 'move') !== (host !== undefined)) {
    const because = decision === 'move' ? 'move needs it' : `${decision} does not take it`;
    throw new DrayError('BadOption', { option: '--host', because });
  }
  if (hostIsOff === true && decision !== 'force') {
    throw new DrayError('BadOption', { option: '--host-is-off', because: 'only force takes it' });
  }
  return {
    step,
    decision,
    reason,
    ...(host === undefined ? {} : { host }),
    ...(hostIsOff === undefined ? {} : { hostIsOff }),
  };
}

/** `dray decide`: what happens with a parked step. */
export function addDecideCommand(program: Command): void {
  program
    .command('decide')
    .argument('<id>', 'workflow id, or backend:id of the source')
    .argument('<step>', 'the parked step as `dray show` prints it')
    .addArgument(new Argument('<decision>', 'what to do').choices(DECISIONS))
    .description('decide about a step that waits for a person')
    .requiredOption('--reason <text>', 'required; kept in the history and in the report')
    .option('--host <id>', 'for move: the host to go on with')
    .addOption(new Option('--host-is-off', 'for force: you state that the host is powered off'))
    .action(
      perform<Options>(async ({ config }, options, id = '', step = '', word = '') => {
        // The parser lets no other word through.
        const decision = readDecision(step, word as DecisionKind, options);
        const workflowId = readWorkflowId(id);
        const { withClient } = await import('./temporal/with-client.ts');
        const { decide } = await import('./temporal/decide.ts');
        await withClient(config, (client) => decide(client, workflowId, decision));
        const text = `${step}: ${word} is accepted; go on watching with: dray watch ${workflowId}`;
        return { json: { workflowId, accepted: decision }, text };
      }),
    );
}
