import { metricMeter } from '@temporalio/workflow';
import { type CounterName, type Labels, SERIES } from '../contract/metrics.ts';

/** Counts in a workflow; a replay does not count again. */
export function count<N extends CounterName>(name: N, value: number, labels: Labels<N>): void {
  const { unit, help } = SERIES[name];
  metricMeter.createCounter(name, unit, help).add(value, labels);
}
