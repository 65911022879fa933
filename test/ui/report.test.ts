import { mkdir, open } from 'node:fs/promises';
import { randomBytes } from 'node:crypto';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openBrowser, picture } from '../rig/browser.ts';
import { CliStage } from '../rig/cli-stage.ts';
import { until } from '../rig/poll.ts';

const MIB = 2 ** 20;
const BYTES = 1024 * MIB;
/** Of the source: data, a hole, and data again. */
const HOLE = { from: 320 * MIB, upTo: 576 * MIB };

let [stage, browser] = [] as unknown as [CliStage, Browser];

async function plantSource(path: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const file = await open(path, 'w');
  for (let at = 0; at < BYTES; at += 16 * MIB) {
    if (at < HOLE.from || at >= HOLE.upTo) await file.write(randomBytes(16 * MIB), 0, 16 * MIB, at);
  }
  await file.sync();
  await file.close();
}

/** Bytes that a copy has flushed so far. */
async function flushed(): Promise<number> {
  const { stdout } = await stage.dray('show', 'disks:vm1', '--json');
  const { steps } = JSON.parse(stdout) as { steps: { beat?: { progress: unknown } }[] };
  const progress = steps.map(({ beat }) => beat?.progress as { bytesFlushed?: number } | undefined);
  return progress.find((each) => each?.bytesFlushed !== undefined)?.bytesFlushed ?? 0;
}

beforeAll(async () => {
  [stage, browser] = await Promise.all([CliStage.start(), openBrowser()]);
  await plantSource(stage.volumeFile('vm1'));
  const size = String(BYTES);
  expect((await stage.dray('volume', 'create', 'disks:vm1-new', size)).status).toBe(0);
  const words = ['disks:vm1', 'disks:vm1-new', '--limit', '96MiB/s', '--detach'];
  expect((await stage.dray('copy', ...words)).status).toBe(0);
  await until('a quarter is flushed', async () => (await flushed()) > BYTES / 4);
  await stage.endWorker('SIGKILL');
  await stage.startWorker();
  await until(
    'the copy is done',
    async () => (await stage.dray('report', 'disks:vm1')).status === 0,
  );
});

afterAll(async () => {
  await browser.close();
  await stage.end();
});

it('draws curve, map and steps of a copy whose worker was killed, and asks nobody for anything', async () => {
  const file = join(stage.directory, 'vm1.html');
  expect((await stage.dray('report', 'disks:vm1', '--html', file)).status).toBe(0);
  const page = await browser.newPage({ viewport: { width: 1100, height: 1560 } });
  const [asked, said]: [string[], string[]] = [[], []];
  page.on('request', (request) => asked.push(request.url()));
  page.on('console', (message) => said.push(message.text()));
  page.on('pageerror', (error) => said.push(error.message));
  await page.goto(pathToFileURL(file).href);
  const charts = page.locator('svg');
  expect(await charts.count()).toBe(3);
  for (const chart of await charts.all()) {
    const { width = 0, height = 0 } = (await chart.boundingBox()) ?? {};
    expect(width).toBeGreaterThan(400);
    expect(height).toBeGreaterThan(40);
  }
  const text = await page.locator('body').innerText();
  for (const word of ['disks:vm1', 'disks:vm1-new', 'attempts\n2', 'skipped', 'copyData']) {
    expect(text).toContain(word);
  }
  expect(asked).toEqual([pathToFileURL(file).href]);
  expect(said).toEqual([]);
  await picture(page, join(import.meta.dirname, '../../docs/report.png'));
  // No part of it is cut off on a small screen.
  await page.setViewportSize({ width: 480, height: 900 });
  const wide = await page.evaluate('document.documentElement.scrollWidth');
  expect(wide).toBeLessThanOrEqual(480);
  await page.close();
});
