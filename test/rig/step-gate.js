/**
 * Loaded into a worker with `node --import`: lets a test hold any step before it acts or after it
 * has acted and before its answer is sent. A gate is a file in $DRAY_STEP_GATES; while it stands,
 * the step waits, having written `<gate>.reached`.
 */
import { Worker } from '@temporalio/worker';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';

const directory = process.env['DRAY_STEP_GATES'] ?? '';

/** `source.connectVolume`, or the verb alone. Volumes of the rig are named after their role. */
function nameOf(verb, input) {
  const role = input?.attachment?.role ?? input?.volume?.id ?? input?.id;
  return role === undefined ? verb : `${role}.${verb}`;
}

async function pass(context, gate) {
  const file = join(directory, gate);
  if (!existsSync(file)) return;
  writeFileSync(`${file}.reached`, '');
  for (let turn = 0; existsSync(file); turn += 1) {
    // A data step heartbeats only while it works.
    if (turn % 20 === 0) context.heartbeat(context.info.heartbeatDetails);
    await sleep(25);
  }
}

const gates = (context) => ({
  inbound: {
    async execute(input, next) {
      const name = nameOf(context.info.activityType, input.args[0]);
      await pass(context, `${name}.before`);
      const result = await next(input);
      await pass(context, `${name}.after`);
      return result;
    },
  },
});

const create = Worker.create.bind(Worker);
Worker.create = (options) => {
  const { activity = [], ...others } = options.interceptors ?? {};
  return create({ ...options, interceptors: { ...others, activity: [...activity, gates] } });
};
