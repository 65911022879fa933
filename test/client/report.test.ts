import { TestWorkflowEnvironment } from '@temporalio/testing';
import { DefaultLogger, Runtime } from '@temporalio/worker';
import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cellsOf, countCells, decodeChunks } from '../../client/report/chunk-map.ts';
import { throughputChart } from '../../client/report/charts/throughput.ts';
import { renderPage } from '../../client/report/page.ts';
import { renderCopyReport } from '../../client/render/report.ts';
import { readTimeline } from '../../client/temporal/timeline.ts';
import { DrayError } from '../../contract/errors.ts';
import { signCertificate, signingKey } from '../../system/config/signing.ts';
import { dray } from '../rig/dray.ts';
import { sampleReport, statesOf } from '../rig/sample-report.ts';
import { startTemporal } from '../rig/temporal.ts';
import { FakeWorld } from '../workflows/fake-world.ts';
import { startCopy, startWorkers } from '../workflows/rig.ts';

const MIB = 2 ** 20;
let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'dray-report-'));
});
afterAll(() => rm(directory, { recursive: true }));

describe('the map of chunks', () => {
  it('has every state, and of a chunk that was repeated only that', () => {
    const cells = decodeChunks(statesOf([0, 1, 2, 3, 4, 0x11]));
    expect(cells).toEqual(['missing', 'copied', 'skipped', 'zeroed', 'unreadable', 'repeated']);
  });

  it.each([0, 1, 4096, 4097, 262_144])(
    'of %i chunks has at most 4096 cells, none lost',
    (count) => {
      const bytes = Array.from({ length: count }, () => 2);
      if (count > 0) bytes[count - 1] = 4;
      const { cells, chunksPerCell } = cellsOf(decodeChunks(statesOf(bytes)));
      expect(cells.length).toBe(Math.ceil(count / chunksPerCell));
      expect(cells.length).toBeLessThanOrEqual(4096);
      if (count > 0) expect(cells.at(-1)).toBe('unreadable');
      expect(countCells(cells).get('skipped') ?? 0).toBe(Math.max(0, cells.length - 1));
    },
  );

  it('of any bytes is read, or refused in the words of the catalogue', () => {
    const code = (text: string): string => {
      try {
        decodeChunks(text);
        return 'read';
      } catch (error) {
        return error instanceof DrayError ? (error as DrayError).code : String(error);
      }
    };
    const good = Buffer.from(statesOf([1, 2, 3, 4, 0x11]), 'base64');
    const codes = Array.from({ length: 2000 }, (_, i) => {
      const bytes = i % 2 === 0 ? randomBytes(i % 64) : Buffer.from(good);
      if (i % 2 === 1) bytes[i % bytes.length]! ^= 1 << (i % 8);
      return code(bytes.toString('base64'));
    });
    expect(codes.filter((c) => c !== 'read' && c !== 'CertificateInvalid')).toEqual([]);
    for (const bytes of [[5], [0x21], [0xff], Array.from({ length: 2 ** 22 + 1 }, () => 1)]) {
      expect(code(statesOf(bytes))).toBe('CertificateInvalid');
    }
  });
});

describe('the throughput', () => {
  it('covers as much as there were bytes, in the time in which they were flushed', () => {
    const drawn = throughputChart(
      [
        [1000, 10 * MIB],
        [4000, 13 * MIB],
        [5000, 33 * MIB],
      ],
      MIB,
    ).text;
    const [, path = ''] = /d="([^"]*)" fill="none"[^>]*stroke="var\(--copied\)"/.exec(drawn) ?? [];
    const points = path
      .slice(1)
      .split('L')
      .map((point) => point.split(' ').map(Number));
    const baseline = Math.max(
      ...[...drawn.matchAll(/d="M[\d.]+ ([\d.]+)L/g)].map(([, y]) => Number(y)),
    );
    const areas = points.flatMap(([x = 0, y = 0], i) => {
      const [before = 0, height = 0] = points[i - 1] ?? [];
      return height === y ? [(x - before) * (baseline - y)] : [];
    });
    const total = areas.reduce((sum, area) => sum + area, 0);
    const shares = areas.map((area) => area / total);
    for (const [i, bytes] of [10, 3, 20].entries()) expect(shares[i]).toBeCloseTo(bytes / 33, 1);
    expect(shares).toHaveLength(3);
  });
});

describe('the page', () => {
  it('fetches nothing, runs nothing and holds curve, map, steps and certificate', async () => {
    const page = await renderPage(await sampleReport(directory, [1, 1, 2, 0x11]));
    expect(page.match(/<svg/g)).toHaveLength(3);
    expect(page).not.toMatch(/<script|\son\w+=|href=|src=|url\((?!#)|@import/);
    expect(page).toContain("default-src 'none'");
    for (const text of ['2 copied', '1 skipped', '1 repeated', 'attempt 2', 'has not ended']) {
      expect(page).toContain(text);
    }
  });

  it('of the largest volume stays small', async () => {
    const chunks = Array.from({ length: 262_144 }, (_, i) => 1 + (i % 2));
    expect((await renderPage(await sampleReport(directory, chunks))).length).toBeLessThan(700_000);
  });

  it('escapes every text, wherever it comes from', async () => {
    const evil = `"'><script>alert(1)</script>&\u0007`;
    const at = '2026-11-23T08:00:00.000Z';
    const decisions = [{ step: evil, decision: evil, reason: evil, because: evil, at }];
    const report = await sampleReport(directory, [1], {
      host: evil,
      decisions,
      plan: { [evil]: { value: evil, because: evil } },
      undo: [{ step: evil, about: evil, outcome: 'held', because: evil, at }],
    });
    report.shown.source = evil;
    report.shown.workflowId = evil;
    report.timeline[0]!.verb = evil;
    report.timeline[1]!.about = evil;
    const { certificate, ...rest } = report;
    expect(certificate).toBeDefined();
    for (const page of [
      await renderPage(report),
      await renderPage({ ...rest, certificate: undefined, uncertified: evil } as never),
    ]) {
      expect(page).toContain('&lt;script&gt;alert(1)');
      expect(page).not.toContain('<script');
      expect(page).not.toContain('\u0007');
    }
  });
});

it('the text says all of it, and of a copy without a certificate why', async () => {
  const report = await sampleReport(directory, [1, 2]);
  const text = renderCopyReport(report);
  for (const words of [
    'direct: asked for',
    '1 copied, 1 skipped',
    'The source was not read again.',
    'retry: mended',
    'held, skipped by decision: later',
    'device of san:vm1',
    report.certificate!.keyId,
  ]) {
    expect(text).toContain(words);
  }
  const { shown, timeline } = report;
  const without = renderCopyReport({ shown, timeline, uncertified: 'it has not ended' });
  expect(without).toContain('no certificate: it has not ended');
});

it('dray report tells of a finished, a parked and a cancelled copy, and refuses a forged one', async () => {
  Runtime.install({ logger: new DefaultLogger('ERROR') });
  const server = await startTemporal();
  const env = await TestWorkflowEnvironment.createFromExistingServer({ address: server.address });
  const worlds = new Map<string, FakeWorld>();
  const workers = await startWorkers(env, worlds);
  try {
    const config = join(directory, 'config.yaml');
    await writeFile(config, `temporal: { address: '${server.address}' }\n`);
    const report = (id: string, ...more: string[]) =>
      dray(['report', id, ...more], { DRAY_CONFIG: config });
    const key = await signingKey(directory);

    const signed = new FakeWorld();
    signed.host.certify = ({ certified }) => Promise.resolve(signCertificate(key, certified));
    const good = await startCopy({ env, worlds }, signed);
    await good.result();
    const timeline = await readTimeline(env.client, { workflowId: good.handle.workflowId });
    expect(timeline[0]).toMatchObject({
      verb: 'describeVolume',
      about: 'source a:v1',
      attempts: 1,
    });
    expect(timeline.at(-1)).toMatchObject({ verb: 'certify', outcome: 'done' });
    for (const { from, until } of timeline) expect(+until!).toBeGreaterThanOrEqual(+from);
    const json = await report(good.handle.workflowId, '--json');
    expect(json.status).toBe(0);
    expect(JSON.parse(json.stdout)).toMatchObject({ keyId: key.id });
    const file = join(directory, 'page.html');
    expect((await report(good.handle.workflowId, '--html', file)).status).toBe(0);
    expect(await readFile(file, 'utf8')).toContain(key.id);
    expect((await report(good.handle.workflowId, '--html', '/nowhere/x')).status).toBe(2);

    const forged = await startCopy({ env, worlds }, new FakeWorld());
    await forged.result();
    const refused = await report(forged.handle.workflowId, '--json');
    expect(refused.status).toBe(1);
    expect(JSON.parse(refused.stdout)).toHaveProperty('error.code', 'CertificateInvalid');

    const full = (): never => {
      throw new DrayError('StorageFull', { path: '/x' });
    };
    const parked = await startCopy({ env, worlds }, new FakeWorld().before('planCopy', full));
    await parked.parked('planCopy');
    const waits = await report(parked.handle.workflowId);
    expect(waits.status).toBe(3);
    expect(waits.stdout).toContain('no certificate: it has not ended');
    await parked.handle.cancel();
    await parked.result().catch(() => undefined);
    const ended = await report(parked.handle.workflowId, '--json');
    expect(ended.status).toBe(4);
    expect(JSON.parse(ended.stdout)).toHaveProperty('error.code', 'NoCertificate');
  } finally {
    await workers.stop();
    await env.teardown();
    await server.stop();
  }
});
