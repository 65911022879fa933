import type { Context } from '@temporalio/activity';
import type { CopyProgress } from '../contract/copy.ts';
import type { CopyDataInput } from './copy.ts';
import { count, setGauge } from './metrics.ts';

/** Steps of one type on one host, and the rate of each. Unit: bytes a second. */
type Rates = Map<Context, number>;

/** What the data steps of a host do now, as its gauges say. */
export class DataFlow {
  readonly #byType = new Map<string, Rates>();

  /** Shows the rate of a step while it runs. */
  async during<T>(step: Context, act: (onRate: (rate: number) => void) => Promise<T>): Promise<T> {
    const { activityType } = step.info;
    const rates: Rates = this.#byType.get(activityType) ?? new Map<Context, number>();
    this.#byType.set(activityType, rates);
    const onRate = (rate: number): void => {
      rates.set(step, rate);
      show(step, rates);
    };
    onRate(0);
    try {
      return await act(onRate);
    } finally {
      rates.delete(step);
      show(step, rates);
    }
  }
}

function show(step: Context, rates: Rates): void {
  const sum = [...rates.values()].reduce((total, rate) => total + rate, 0);
  setGauge(step, 'drayage_data_steps_running', rates.size);
  setGauge(step, 'drayage_data_rate_bytes_per_second', Math.round(sum));
}

/** Counts what this attempt flushes: its first report has what those before it did. */
export function flushCounter(step: Context, { attachments, plan }: CopyDataInput) {
  const { source, destination } = attachments;
  const labels = {
    source_backend: source.volume.backend,
    destination_backend: destination.volume.backend,
    engine: plan.engine.value,
  };
  let before: number | undefined;
  return ({ bytesFlushed }: Pick<CopyProgress, 'bytesFlushed'>): void => {
    const more = bytesFlushed - (before ?? bytesFlushed);
    before = bytesFlushed;
    if (more > 0) count('drayage_flushed_bytes_total', more, labels, step);
  };
}
