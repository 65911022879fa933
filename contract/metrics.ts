/** A time series that a worker shows to Prometheus. */
export type Series = {
  kind: 'counter' | 'gauge';
  /** Empty where things are counted. */
  unit: '' | 'bytes' | 'bytes_per_second';
  help: string;
  /** Meaning of each label. Only what has few values: never a volume, a workflow or a run. */
  labels: Readonly<Record<string, string>>;
};

/**
 * All series of Drayage's own, by name (https://prometheus.io/docs/practices/naming/). The SDK adds
 * `namespace`, `taskQueue`, and `workflowType` or `activityType` of what counts.
 */
export const SERIES = {
  drayage_open_runs: {
    kind: 'gauge',
    unit: '',
    help: 'Copies, comparisons and releases that are open in the namespace, as lists tell it',
    labels: { state: '`any`, `needs_decision` or `stalled`' },
  },
  drayage_ended_runs_total: {
    kind: 'counter',
    unit: '',
    help: 'Copies, comparisons and releases that have ended',
    labels: {
      outcome: '`done`, `failed` or `cancelled`',
      class: 'class of the error it ended with; `none` for `done`',
    },
  },
  drayage_stalls_total: {
    kind: 'counter',
    unit: '',
    help: 'Times that a run stood still without a byte',
    labels: {},
  },
  drayage_parked_steps_total: {
    kind: 'counter',
    unit: '',
    help: 'Steps that were parked for a decision',
    labels: { code: 'code of the error' },
  },
  drayage_failed_steps_total: {
    kind: 'counter',
    unit: '',
    help: 'Attempts of steps that failed; most are retried',
    labels: { code: 'code of the error', class: 'its class' },
  },
  drayage_flushed_bytes_total: {
    kind: 'counter',
    unit: 'bytes',
    help: 'Bytes that copies have flushed to their destination',
    labels: {
      source_backend: 'backend of the source',
      destination_backend: 'backend of the destination',
      engine: '`direct`, `dd` or `file`',
    },
  },
  drayage_repaired_bytes_total: {
    kind: 'counter',
    unit: 'bytes',
    help: 'Bytes that were copied once more since their digests differed',
    labels: {},
  },
  drayage_data_steps_running: {
    kind: 'gauge',
    unit: '',
    help: 'Steps that copy or compare on this host now',
    labels: {},
  },
  drayage_data_rate_bytes_per_second: {
    kind: 'gauge',
    unit: 'bytes_per_second',
    help: 'Rate of all steps that copy or compare on this host now',
    labels: {},
  },
  drayage_undo_steps_total: {
    kind: 'counter',
    unit: '',
    help: 'What became of steps that take something back',
    labels: {
      step: 'for example `removeExport`',
      outcome: '`done`, `alreadyGone`, `held` or `skipped`',
    },
  },
  drayage_leaks_found_total: {
    kind: 'counter',
    unit: '',
    help: 'Acquisitions without a live owner that looks for leaks have found, in each look anew',
    labels: { state: '`orphan`, `unknown` or `foreign`' },
  },
  drayage_fence_events_total: {
    kind: 'counter',
    unit: '',
    help: 'Copiers that were kept from writing, and hosts whose access was taken away',
    labels: {
      fence: '`copier` or `access`',
      outcome: '`done` and `alreadyGone`, or `revoked` and `cannot`',
    },
  },
  drayage_webhook_calls_total: {
    kind: 'counter',
    unit: '',
    help: 'Calls of webhooks',
    labels: { event: 'as `run.parked`', outcome: '`delivered` or `failed`' },
  },
  drayage_webhooks_given_up_total: {
    kind: 'counter',
    unit: '',
    help: 'Messages that a webhook did not take within a day',
    labels: { event: 'as `run.parked`' },
  },
} as const satisfies Record<string, Series>;

export type SeriesName = keyof typeof SERIES;
type OfKind<K extends Series['kind']> = {
  [N in SeriesName]: (typeof SERIES)[N]['kind'] extends K ? N : never;
}[SeriesName];
export type CounterName = OfKind<'counter'>;
export type GaugeName = OfKind<'gauge'>;

/** The labels of a series, each with its value. */
export type Labels<N extends SeriesName> = Record<keyof (typeof SERIES)[N]['labels'], string>;
