import { join } from 'node:path';
import type { Browser, Locator, Page } from 'playwright-core';
import { picture } from './browser.ts';
import { until } from './poll.ts';
import type { TestTemporal } from './temporal.ts';

const PICTURES = join(import.meta.dirname, '../../docs/temporal-ui');

/** Temporal's Web UI as people use it: by what is written on tabs, buttons and forms. */
export class TemporalUi {
  private constructor(
    readonly page: Page,
    readonly workflows: string,
  ) {}

  static async open(
    browser: Browser,
    { uiUrl, namespace }: Pick<TestTemporal, 'uiUrl' | 'namespace'>,
  ): Promise<TemporalUi> {
    const page = await browser.newPage({ viewport: { width: 1400, height: 900 } });
    page.setDefaultTimeout(30_000);
    return new TemporalUi(page, `${uiUrl}/namespaces/${namespace}/workflows`);
  }

  /** The list with a query, as a bookmark has it. */
  async openList(query: string): Promise<void> {
    await this.page.goto(`${this.workflows}?${new URLSearchParams({ query }).toString()}`);
  }

  /** Workflow ids of the list. */
  async listed(): Promise<string[]> {
    const table = this.page.getByRole('row').filter({ has: this.page.getByRole('link') });
    return table.getByRole('link', { name: '/' }).allInnerTexts();
  }

  /** A workflow, opened by its link in the list of all, and there one of its tabs. */
  async openWorkflow(workflowId: string, tab: string): Promise<void> {
    await this.openList('');
    await this.page.getByRole('link', { name: workflowId, exact: true }).first().click();
    await this.openTab(tab);
  }

  async openTab(name: string): Promise<void> {
    await this.page.getByRole('tab', { name }).click();
  }

  /** What the Current Details say by now; the tab User Metadata, which has them in a frame, is open. */
  async readDetails(pattern: RegExp): Promise<RegExpExecArray> {
    const frame = this.page.locator('iframe').last().contentFrame();
    const read = async (): Promise<RegExpExecArray | undefined> => {
      await this.page.keyboard.press('r');
      return pattern.exec(await frame.locator('body').innerText()) ?? undefined;
    };
    return until(`${pattern} in the details`, read, { everyMs: 500 });
  }

  button(name: string): Locator {
    return this.page.getByRole('button', { name, exact: true });
  }

  /** The dialog that is open. */
  get dialog(): Locator {
    return this.page.getByRole('dialog').filter({ visible: true });
  }

  async confirm(): Promise<void> {
    await this.dialog.getByTestId('confirm-modal-button').click();
  }

  /** Opens the form of a message to the workflow, and fills it in. */
  async fillMessage(kind: 'Update' | 'Signal', name: string, argument: unknown): Promise<void> {
    await this.button('More Actions').click();
    await this.page.getByRole('menuitem', { name: new RegExp(`^Send an? ${kind}$`) }).click();
    await this.dialog.locator('input[id$="-select"]').locator('..').click();
    await this.page.getByRole('option', { name }).filter({ visible: true }).first().click();
    const editor = this.dialog.locator('.cm-content');
    await editor.fill(JSON.stringify(argument));
    // It lays the text out anew, which moves the buttons.
    await editor.blur();
  }

  /** For docs/temporal-ui.md, when it is asked for. */
  async picture(name: string): Promise<void> {
    await picture(this.page, join(PICTURES, `${name}.png`));
  }
}
