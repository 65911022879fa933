import { z } from 'zod';
import { httpUrl } from '../../system/config/http-url.ts';

const text = z.string().optional();
const unread = (instead: string) => z.undefined(`is not read: ${instead}`).optional();

const auth = z.object({
  auth_url: httpUrl,
  username: text,
  user_id: text,
  user_domain_name: text,
  user_domain_id: text,
  password: text,
  project_name: text,
  project_id: text,
  project_domain_name: text,
  project_domain_id: text,
  application_credential_id: text,
  application_credential_name: text,
  application_credential_secret: text,
});
type Login = z.infer<typeof auth>;
type Key = keyof Login;

const USER: Key[] = ['username', 'user_id'];

/** What a login cannot do without: one key of each row. */
function needsOf(type: string, { application_credential_id: id }: Login): Key[][] {
  if (type !== 'v3applicationcredential') {
    return [USER, ['password'], ['project_name', 'project_id']];
  }
  const credential: Key[] = ['application_credential_id', 'application_credential_name'];
  // Its name is only unique with its user.
  return [credential, ['application_credential_secret'], ...(id === undefined ? [USER] : [])];
}

/** One entry of clouds.yaml in today's terms, as far as a login needs it. */
export const cloudSchema = z
  .object({
    auth_type: z.enum(['password', 'v3password', 'v3applicationcredential']).default('password'),
    auth,
    region_name: text,
    /** Also in its former spelling, `publicURL`. */
    interface: z
      .string()
      .default('public')
      .transform((name) => name.replace(/URL$/, '')),
    /** File with the CAs to trust, in PEM. */
    cacert: text,
    regions: unread('name one as region_name'),
    profile: unread('write what it stands for'),
  })
  .superRefine(({ auth_type: type, auth }, context) => {
    for (const keys of needsOf(type, auth)) {
      if (keys.some((key) => auth[key] !== undefined)) continue;
      const path = ['auth', keys.join(' or ')];
      context.addIssue({ code: 'custom', path, message: 'is missing' });
    }
  });
export type Cloud = z.infer<typeof cloudSchema>;
