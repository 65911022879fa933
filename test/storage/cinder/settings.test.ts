import { expect, it } from 'vitest';
import { configSchema } from '../../../system/config/schema.ts';

const noauth = { endpoint: 'http://127.0.0.1:8776', project: 'abc123' };

function problemsOf(backends: Record<string, object>): string {
  const parsed = configSchema.safeParse({ stateDir: '/srv/state', backends });
  return (parsed.error?.issues ?? []).map(({ message }) => message).join('; ');
}

it('a backend cinder is of a cloud or of a lab', () => {
  const type = 'cinder';
  expect(problemsOf({ a: { type, cloud: 'prod' }, b: { type, noauth } })).toBe('');
  expect(problemsOf({ a: { type } })).toContain('either cloud or noauth');
  expect(problemsOf({ a: { type, cloud: 'prod', noauth } })).toContain('either cloud or noauth');
  const told = { ...noauth, endpoint: 'http://mover:a-canary@127.0.0.1:8776' };
  expect(problemsOf({ a: { type, noauth: told } })).toBe('must have no password in it');
  const same = { ...noauth, endpoint: `${noauth.endpoint}/` };
  expect(problemsOf({ a: { type, noauth }, b: { type, noauth: same } })).toContain(
    'backend a has this project already',
  );
});
