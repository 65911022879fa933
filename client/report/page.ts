import type { Certificate } from '../../contract/certificate.ts';
import type { CopyReport } from '../../contract/copy.ts';
import { renderBytes, renderSeconds } from '../render/quantities.ts';
import { renderShown } from '../render/show.ts';
import type { Report } from '../temporal/report.ts';
import type { TimelineStep } from '../temporal/timeline.ts';
import { cellsOf, type Cell, countCells, decodeChunks } from './chunk-map.ts';
import { factsOf, type Section } from './facts.ts';
import { html, Markup } from './markup.ts';
import { STYLE } from './style.ts';

const NOTHING = html``;

/** Sections of many or long rows take the whole width. */
const MANY_ROWS = 7;

function header({ shown, ...report }: Report): Markup {
  const verdict =
    report.certificate === undefined
      ? html`<p class="verdict without">No certificate: ${report.uncertified}.</p>`
      : html`<p class="verdict">
          Certified and signed on host ${report.certificate.certified.host} with key
          ${report.certificate.keyId}. ${report.certificate.certified.verification.statement}
        </p>`;
  const ended = shown.endedAt === undefined ? NOTHING : html`, ended ${shown.endedAt}`;
  return html`<header>
    <h1>${shown.source} <span>→</span> ${shown.destination}</h1>
    <p>${shown.workflowId}, ${shown.phase}, started ${shown.startedAt}${ended}</p>
    ${verdict}
  </header>`;
}

function tiles({ copied, verified }: CopyReport): Markup {
  const tile = (name: string, says: string): Markup =>
    html`<div>
      <dt>${name}</dt>
      <dd>${says}</dd>
    </div>`;
  const again = copied.bytesCopiedAgain + copied.bytesRepaired;
  return html`<dl class="tiles">
    ${[
      tile('copied', renderBytes(copied.bytes)),
      tile('copied in', renderSeconds(copied.seconds)),
      tile('on average', `${renderBytes(copied.bytes / copied.seconds)}/s`),
      ...(copied.bytesWritten === undefined
        ? []
        : [tile('of it written', renderBytes(copied.bytesWritten))]),
      tile('verified', verified.mode),
      ...(verified.mode === 'off' ? [] : [tile('verified in', renderSeconds(verified.seconds))]),
      tile('attempts', String(copied.attempts)),
      tile('copied again', renderBytes(again)),
    ]}
  </dl>`;
}

async function throughput({ copied }: CopyReport): Promise<Markup> {
  if (copied.curve.length === 0) return NOTHING;
  const { throughputChart } = await import('./charts/throughput.ts');
  const average = copied.bytes / copied.seconds;
  return html`<h2>Throughput</h2>
    ${throughputChart(copied.curve, average)}
    <p class="legend">Bytes flushed a second. Dashed: the average, ${renderBytes(average)}/s.</p>`;
}

function legend(chunks: readonly Cell[]): Markup {
  const items = [...countCells(chunks)].map(
    ([cell, count]) => html`<li><i style="background:var(--${cell})"></i>${count} ${cell}</li>`,
  );
  return html`<ul class="legend">
    ${items}
  </ul>`;
}

async function chunkMap({ copied, plan }: CopyReport): Promise<Markup> {
  const chunks = decodeChunks(copied.chunkStates);
  if (chunks.length === 0) return NOTHING;
  const { chunkChart } = await import('./charts/chunks.ts');
  const { chunksPerCell } = cellsOf(chunks);
  const each = renderBytes(plan.chunkBytes * chunksPerCell);
  return html`<h2>Map of chunks</h2>
    ${legend(chunks)} ${chunkChart(chunks)}
    <p class="legend">Each square is ${each}, the first byte at the top left.</p>`;
}

async function steps(timeline: readonly TimelineStep[]): Promise<Markup> {
  if (timeline.length === 0) return NOTHING;
  const { stepsChart } = await import('./charts/steps.ts');
  return html`<h2>Steps</h2>
    ${stepsChart(timeline)}`;
}

function section({ title, rows }: Section): Markup {
  const cells = rows.map(
    ([name, says]) =>
      html`<tr>
        <th scope="row">${name}</th>
        <td>${says}</td>
      </tr>`,
  );
  const width = rows.length > MANY_ROWS ? 'wide' : '';
  return html`<section class="${width}">
    <h3>${title}</h3>
    <table>
      ${cells}
    </table>
  </section>`;
}

function certificatePart(certificate: Certificate): Markup {
  return html`<h2>Certificate</h2>
    <div class="facts">${factsOf(certificate).map(section)}</div>
    <details>
      <summary>The signed document, as dray report --json prints it</summary>
      <pre>${JSON.stringify(certificate, undefined, 2)}</pre>
    </details>`;
}

/**
 * One page that needs nothing else: no script, no font, no picture from elsewhere, and a policy that
 * lets none in whatever its texts say. @throws CertificateInvalid
 */
export async function renderPage(report: Report): Promise<string> {
  const { shown, timeline, certificate } = report;
  const result = shown.end?.report;
  const copied =
    result === undefined ? [] : [tiles(result), await throughput(result), await chunkMap(result)];
  const rest =
    certificate === undefined
      ? html`<h2>State</h2>
          <pre>${renderShown(shown)}</pre>`
      : certificatePart(certificate);
  const page = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta
          http-equiv="Content-Security-Policy"
          content="default-src 'none'; style-src 'unsafe-inline'"
        />
        <meta name="viewport" content="width=device-width" />
        <title>${shown.source} → ${shown.destination}</title>
        <style>
          ${new Markup(STYLE)}
        </style>
      </head>
      <body>
        ${header(report)} ${copied} ${await steps(timeline)} ${rest}
      </body>
    </html>`;
  return `${page.text}\n`;
}
