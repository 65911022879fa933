import type { Command } from 'commander';
import { writeFile } from 'node:fs/promises';
import { describeError, DrayError } from '../contract/errors.ts';
import { readWorkflowId } from './arguments.ts';
import { type Outcome, perform } from './command.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';
import { errorDocument } from './failure.ts';
import type { Report } from './temporal/report.ts';

/** Of a copy that has no certificate. */
function exitCodeWithout({ shown: { state, status } }: Report): ExitCode {
  if (state === 'cancelled') return EXIT.cancelled;
  return (status?.parked ?? []).length > 0 && state === 'running'
    ? EXIT.waitsForDecision
    : EXIT.failed;
}

/** @throws BadOption where the page cannot be written */
async function writePage(file: string, report: Report): Promise<void> {
  const { renderPage } = await import('./report/page.ts');
  const page = await renderPage(report);
  try {
    await writeFile(file, page);
  } catch (error) {
    const because = (error as Error).message;
    throw new DrayError('BadOption', { option: '--html', because }, { cause: error });
  }
}

async function outcomeOf(report: Report, html: string | undefined): Promise<Outcome> {
  const { renderCopyReport } = await import('./render/report.ts');
  const text = html === undefined ? renderCopyReport(report) : `the report is in ${html}`;
  const { certificate, shown } = report;
  if (certificate !== undefined) return { json: certificate, text };
  const missing = { id: shown.workflowId, because: report.uncertified };
  const json = { error: errorDocument(describeError('NoCertificate', missing)) };
  return { json, text, exitCode: exitCodeWithout(report) };
}

/** `dray report`: what a copy did and what proves it. */
export function addReportCommand(program: Command): void {
  program
    .command('report')
    .argument('<id>', 'workflow id, or backend:id of the source')
    .description('print the certificate of a copy, or what can be said of one that has none yet')
    .option('--html <file>', 'instead: write one page with curve, chunk map, steps and certificate')
    .action(
      perform<{ html?: string }>(async ({ config }, { html }, id = '') => {
        const { withClient } = await import('./temporal/with-client.ts');
        const { reportCopy } = await import('./temporal/report.ts');
        const workflowId = readWorkflowId(id);
        const report = await withClient(config, (client) => reportCopy(client, workflowId));
        if (html !== undefined) await writePage(html, report);
        return outcomeOf(report, html);
      }),
    );
}
