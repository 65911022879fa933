import { Context } from '@temporalio/activity';
import { type CounterName, type GaugeName, type Labels, SERIES } from '../contract/metrics.ts';

/** Counts in a step. */
export function count<N extends CounterName>(
  name: N,
  value: number,
  labels: Labels<N>,
  context = Context.current(),
): void {
  const { unit, help } = SERIES[name];
  context.metricMeter.createCounter(name, unit, help).add(value, labels);
}

/** Sets a gauge in a step; the SDK adds the step's type. */
export function setGauge(context: Context, name: GaugeName, value: number): void {
  const { unit, help } = SERIES[name];
  context.metricMeter.createGauge(name, 'int', unit, help).set(value);
}
