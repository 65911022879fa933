/** What stands in clouds.yaml for a cloud, or in the environment as OS_*. */
export type CloudEntry = Record<string, unknown>;

/** Names of before, which openstacksdk still reads; today's name wins over them. */
const FORMER: Record<string, string> = {
  auth_plugin: 'auth_type',
  endpoint_type: 'interface',
  tenant_id: 'project_id',
  tenant_name: 'project_name',
};

/** Whole numbers are read as bigint, so that a password of digits keeps all of them. */
const asText = (value: unknown): unknown =>
  typeof value === 'number' || typeof value === 'bigint' ? String(value) : value;

/** Without what is empty. */
function inTodaysTerms(entry: CloudEntry): CloudEntry {
  const facts = Object.entries(entry)
    .filter(([, value]) => value !== null && value !== '')
    .map(([name, value]) => [name.replaceAll('-', '_'), asText(value)] as const);
  const renamed = facts.flatMap(([name, value]) => {
    const today = FORMER[name];
    return today === undefined ? [] : [[today, value] as const];
  });
  return Object.fromEntries([...renamed, ...facts]);
}

/**
 * An entry as if it were written in today's terms: a login may stand beside `auth` as well as in it,
 * and one domain for both user and project (openstacksdk, config/loader.py: magic_fixes).
 */
export function normalised({ auth, ...beside }: CloudEntry): CloudEntry {
  const login = inTodaysTerms({ ...beside, ...(auth as CloudEntry | undefined) });
  const { domain_id: id, domain_name: name } = login;
  const domains = {
    ...{ user_domain_id: id, user_domain_name: name },
    ...{ project_domain_id: id, project_domain_name: name },
  };
  return { ...inTodaysTerms(beside), auth: { ...domains, ...login } };
}
