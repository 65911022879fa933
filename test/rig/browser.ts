import { access, constants } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { type Browser, chromium, type Page } from 'playwright-core';

/** Nothing of these concerns a page on this machine. */
const QUIET = [
  ...['--disable-gpu', '--disable-quic', '--no-first-run'],
  ...['--disable-background-networking', '--disable-component-update', '--disable-sync'],
];

/** $CHROMIUM, else the program on PATH. @throws Error */
async function locateChromium(): Promise<string> {
  const named = process.env['CHROMIUM'];
  if (named !== undefined) return named;
  for (const directory of (process.env['PATH'] ?? '').split(delimiter)) {
    const path = join(directory, 'chromium');
    const isThere = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (isThere) return path;
  }
  throw new Error('chromium is not on PATH: install the Debian package chromium, or set CHROMIUM');
}

/** A browser with a profile of its own, which goes with it. */
export async function openBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: await locateChromium(),
    args: QUIET,
    // Chromium refuses to start as root with it.
    chromiumSandbox: process.getuid?.() !== 0,
  });
}

/** A screenshot for the documentation, when it is asked for. */
export async function picture(page: Page, path: string): Promise<void> {
  if (process.env['WRITE_DOCS'] === '1') await page.screenshot({ path });
}
