import { type Finding, warning, well, wrong } from '../../contract/examination.ts';
import { COPY_TOOLS } from '../../copy/tools.ts';
import { isOnPath } from '../../system/on-path.ts';
import { runTool, toolMissing } from '../../system/run.ts';

const CHECK = 'host.tools';

/** A program and the version it tells; only its name where it tells none. */
export async function nameWithVersion(tool: string): Promise<string> {
  const answer = await runTool(tool, ['--version'], { timeoutSeconds: 10 }).catch(() => undefined);
  const [version] = /\d+(\.\d+)+/.exec(answer?.stdout ?? '') ?? [];
  return version === undefined ? tool : `${tool} ${version}`;
}

async function absentOf(tools: readonly string[]): Promise<string[]> {
  const found = await Promise.all(tools.map(async (tool) => [tool, await isOnPath(tool)] as const));
  return found.filter(([, isThere]) => !isThere).map(([tool]) => tool);
}

/** Programs without which nothing is copied, and one without which holes are read. */
export async function examineTools(usesIonice: boolean): Promise<Finding[]> {
  const needed = [...COPY_TOOLS, ...(usesIonice ? ['ionice'] : [])];
  const useful = ['perl'];
  const absent = await absentOf([...needed, ...useful]);
  const present = [...needed, ...useful].filter((tool) => !absent.includes(tool));
  const versions = await Promise.all(present.map(nameWithVersion));
  const findings = absent.map((tool) => {
    const { message, params } = toolMissing(tool);
    const mend = `apt-get install ${params['package']}`;
    return needed.includes(tool)
      ? wrong(CHECK, message, mend)
      : warning(CHECK, `${message}: holes of files are read in full`, mend);
  });
  return [well(CHECK, [`Node ${process.versions.node}`, ...versions].join(', ')), ...findings];
}
