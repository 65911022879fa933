/**
 * A process of its own, started by sdk-download.ts: downloads the Temporal CLI into a directory
 * (first argument), gives up after some seconds (second argument) and ends. `dray` itself never
 * loads this file.
 */
import { readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
// eslint-disable-next-line no-restricted-imports -- the native addon does the download, only here
import { Runtime } from '@temporalio/worker';

const [downloadDir = '.', patienceSeconds] = process.argv.slice(2);
const { version } = createRequire(import.meta.url)('@temporalio/worker/package.json') as {
  version: string;
};

// The SDK itself waits without end where its download site is filtered.
const impatience = setTimeout(
  () => {
    if (readdirSync(downloadDir).some((name) => !name.endsWith('.downloading'))) return;
    process.stderr.write(`no download within ${patienceSeconds} s\n`);
    process.exit(1);
  },
  Number(patienceSeconds) * 1000,
);

try {
  const server = await Runtime.instance().createEphemeralServer({
    type: 'dev-server',
    exe: {
      type: 'cached-download',
      downloadDir,
      version: 'default',
      ttl: 0,
      sdkName: 'sdk-typescript',
      sdkVersion: version,
    },
    namespace: 'default',
    ip: '127.0.0.1',
    port: null,
    uiPort: null,
    dbFilename: null,
    ui: false,
    log: { format: 'pretty', level: 'error' },
    extraArgs: [],
  });
  await Runtime.instance().shutdownEphemeralServer(server);
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`);
  process.exitCode = 1;
}
clearTimeout(impatience);
