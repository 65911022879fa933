import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openBackend } from '../../../storage/open-backend.ts';
import { BACKEND, makeWorkbench, properties } from '../workbench.ts';
import { fakeBench, volumeRef } from './fake-bench.ts';

const it_ = fakeBench();
const foreign = { code: 'ForeignProject', class: 'operator' };

/** The same backend, with a mistake in its settings: the other project has none of its volumes. */
const openElsewhere = () => it_.open({ endpoint: it_.proxy.endpoint, project: 'def456' });

describe('a backend that reaches another project than before', () => {
  it('takes nothing for gone that was made in the former', async () => {
    const { backend, cinder, attachment, volume } = it_;
    attachment.exported = await backend.createExport(attachment, properties);
    const other = await openElsewhere();
    const refused = other.removeExport(attachment);
    await expect(refused).rejects.toMatchObject(foreign);
    await expect(refused).rejects.toThrow(`reaches ${it_.proxy.endpoint}/v3/def456`);
    const { exported, ...unknown } = attachment;
    await expect(other.removeExport(unknown)).rejects.toMatchObject(foreign);
    await expect(other.createExport(unknown, properties)).rejects.toMatchObject(foreign);
    const free = volumeRef(cinder.makeVolume());
    await expect(other.deleteVolume(free)).rejects.toMatchObject(foreign);
    await expect(other.setVolumeState(attachment.volume, 'available')).rejects.toMatchObject(
      foreign,
    );
    await expect(other.inspectExport(attachment)).rejects.toMatchObject(foreign);
    await expect(other.survey()).rejects.toMatchObject(foreign);
    await expect(other.check()).rejects.toMatchObject(foreign);
    expect(cinder.of(volume).map(({ id }) => id)).toEqual([exported.reservation]);
    expect(await backend.removeExport(attachment)).toBe('done');
  });

  it('is told from one that only starts again', async () => {
    await it_.backend.check();
    const again = await it_.open();
    await again.check();
    expect(await again.listVolumes()).toHaveLength(1);
  });

  it('may do so once a person has removed what remembers the former', async () => {
    const { backend, bench, attachment } = it_;
    attachment.exported = await backend.createExport(attachment, properties);
    await rm(join(bench.context.stateRoot, 'cinder', `${BACKEND}.project`));
    const other = await openElsewhere();
    await other.check();
    // What a workflow still has there is not taken for gone even then.
    await expect(other.removeExport(attachment)).rejects.toMatchObject(foreign);
    const elsewhere = await makeWorkbench();
    const place = { endpoint: it_.proxy.endpoint, project: 'def456' };
    const stranger = await elsewhere.open({ type: 'cinder', noauth: place });
    await expect(stranger.removeExport(attachment)).rejects.toMatchObject(foreign);
    await elsewhere.remove();
  });
});

it('a project is of one backend alone', async () => {
  const { backend, bench, cinder, proxy } = it_;
  const noauth = { endpoint: proxy.endpoint, project: cinder.project };
  const [other, third] = ['other', 'third'].map((name) =>
    openBackend(name, { type: 'cinder', noauth }, bench.context),
  );
  const shared = { code: 'ProjectShared', class: 'operator' };
  // Of those that begin at once, too.
  const checks = [backend, other!, third!].map((each) => each.check());
  const done = await Promise.allSettled(checks);
  expect(done.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected', 'rejected']);
  for (const each of done) {
    if (each.status === 'rejected') expect(each.reason).toMatchObject(shared);
  }
});

it('a Cinder that does not answer fails the check', async () => {
  const { backend, proxy } = it_;
  proxy.next('GET', /\/v3\/$/, { status: 503 });
  await expect(backend.check()).rejects.toMatchObject({ code: 'BackendUnavailable' });
  await backend.check();
});
