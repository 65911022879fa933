import { type Series, SERIES } from '../../contract/metrics.ts';

function renderLabels(labels: Series['labels']): string {
  const each = Object.entries(labels).map(([name, meaning]) => `\`${name}\`: ${meaning}`);
  return each.join('; ');
}

const rows = Object.entries(SERIES).map(
  ([name, { kind, help, labels }]) =>
    `| \`${name}\` | ${kind} | ${help} | ${renderLabels(labels)} |`,
);

/** docs/metrics.md */
export function metricsPage(): string {
  return [
    '# Metrics and alerts',
    '',
    'A worker with `metrics.listen` in its configuration serves `/metrics` there, for Prometheus:',
    '',
    '```yaml',
    'metrics: { listen: 127.0.0.1:9464 }',
    '```',
    '',
    'Without it nothing listens. The address has no authentication: keep it on loopback or on a network',
    'of your own. A port that is in use ends the worker before it touches anything (`MetricsUnavailable`).',
    '',
    '```yaml',
    '# prometheus.yml',
    'rule_files: [drayage/alerts.yaml]',
    'scrape_configs:',
    '  - job_name: drayage',
    "    static_configs: [{ targets: ['mover1:9464', 'mover2:9464'] }]",
    '```',
    '',
    'Series of the Temporal SDK (`temporal_…`) stand beside those of Drayage. No label names a volume, a',
    'workflow or a run: there would be as many series as copies. The SDK adds `namespace`, `taskQueue`,',
    'and `workflowType` or `activityType`, to what a workflow or step counts. A counter is',
    'at 0 without labels from the start, so that it can be watched before it first counts; take sums.',
    'Counters start anew with the worker. A workflow counts on whichever worker runs it, and a replay',
    'does not count again. What is open is asked of Temporal every 15 s by every worker: take the',
    'maximum, as lists lag a moment behind.',
    '',
    '| series | kind | meaning | labels |',
    '|---|---|---|---|',
    ...rows,
    '',
    '## Alerts',
    '',
    '`deploy/prometheus/alerts.yaml` has the rules; each alert names its page of `docs/runbook/`. They',
    'expect the job name `drayage`. `deploy/grafana/drayage.json` is a dashboard for Grafana 9 or newer; it',
    'asks for the Prometheus data source when it is imported.',
    '',
  ].join('\n');
}
