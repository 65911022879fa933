import { execa } from 'execa';
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { parse } from 'yaml';
import { catalogue } from '../../contract/errors.ts';
import { SERIES } from '../../contract/metrics.ts';

const ROOT = join(import.meta.dirname, '../..');
const PROMETHEUS = join(ROOT, 'deploy/prometheus');

type Rule = { alert: string; annotations: { runbook_url: string } };
type Rules = { groups: { rules: Rule[] }[] };

const rules = (parse(await readFile(join(PROMETHEUS, 'alerts.yaml'), 'utf8')) as Rules).groups
  .flatMap((group) => group.rules)
  .map(({ alert, annotations }) => ({ alert, page: annotations.runbook_url }));

it('promtool takes the rules, and they fire when they should and only then', async () => {
  const options = { cwd: PROMETHEUS };
  await execa('promtool', ['check', 'rules', '--lint-fatal', 'alerts.yaml'], options);
  const { stdout } = await execa('promtool', ['test', 'rules', 'alerts.test.yaml'], options);
  expect(stdout).toContain('SUCCESS');
});

it('every alert is tested', async () => {
  const tests = await readFile(join(PROMETHEUS, 'alerts.test.yaml'), 'utf8');
  const firing = [...tests.matchAll(/alertname: (\w+)\n\s+exp_alerts/g)].map(([, name]) => name);
  expect(rules.map(({ alert }) => alert).filter((alert) => !firing.includes(alert))).toEqual([]);
});

it('every alert and every class of errors has a page, and no page is of one that is gone', async () => {
  for (const { alert, page } of rules) expect(page).toBe(`docs/runbook/${alert}.md`);
  const classes = new Set(Object.values(catalogue).map((entry) => entry.class));
  const wanted = [...rules.map(({ alert }) => alert), ...classes].map((name) => `${name}.md`);
  expect((await readdir(join(ROOT, 'docs/runbook'))).sort()).toEqual(wanted.sort());
});

it('every error is on the page of all errors, which each page of a class leads to', async () => {
  const errors = await readFile(join(ROOT, 'docs/errors.md'), 'utf8');
  for (const [code, { class: errorClass }] of Object.entries(catalogue)) {
    expect(errors).toContain(`| ${code} | ${errorClass} |`);
    const page = await readFile(join(ROOT, `docs/runbook/${errorClass}.md`), 'utf8');
    expect(page).toContain('](../errors.md)');
  }
});

it('links of the pages lead somewhere', async () => {
  const pages = (await readdir(join(ROOT, 'docs/runbook'))).map((name) => `runbook/${name}`);
  for (const page of [...pages, 'hooks.md', 'metrics.md', 'deployment.md', 'report.md']) {
    const text = await readFile(join(ROOT, 'docs', page), 'utf8');
    const links = [...text.matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)/g)].map(([, link]) => link!);
    const dead = links.filter((link) => !existsSync(join(ROOT, 'docs', page, '..', link)));
    expect({ page, dead }).toEqual({ page, dead: [] });
  }
});

it('the dashboard shows every series', async () => {
  const dashboard = await readFile(join(ROOT, 'deploy/grafana/drayage.json'), 'utf8');
  const { panels } = JSON.parse(dashboard) as { panels: { targets: { expr: string }[] }[] };
  const shown = panels.flatMap(({ targets }) => targets.map(({ expr }) => expr)).join('\n');
  expect(Object.keys(SERIES).filter((name) => !shown.includes(name))).toEqual([]);
});
