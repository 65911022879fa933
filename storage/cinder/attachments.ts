import { z } from 'zod';
import type { AccessMode, ConnectorProperties } from '../../contract/attachment.ts';
import type { CinderApi } from './api.ts';
import { connectionInfo, type CinderConnection } from './connection-info.ts';

/** A row of Cinder's attachments: what holds a volume there. */
const attachment = z.object({
  id: z.string(),
  status: z.string(),
  volume_id: z.string(),
  /** Id of the server; null for whoever is not Nova. */
  instance: z.string().nullish(),
  connection_info: z.record(z.string(), z.unknown()).nullish(),
});
export type CinderAttachment = z.infer<typeof attachment>;

const one = z.object({ attachment });
const several = z.object({ attachments: z.array(attachment) });
const connected = z.object({ attachment: z.object({ connection_info: connectionInfo.nullish() }) });

const pathOf = (id: string): string => `/attachments/${encodeURIComponent(id)}`;

/** What os-brick would tell of the host, without what is Drayage's own. */
function connectorOf(properties: ConnectorProperties): object {
  const { host, ip, initiator, platform, os_type, multipath, do_local_attach } = properties;
  return { host, ip, initiator, platform, os_type, multipath, do_local_attach };
}

/** The calls on attachments, one of Cinder's each. */
export class Attachments {
  constructor(readonly api: CinderApi) {}

  /**
   * Reserves the volume: atomic at Cinder, and nothing is exported yet. No instance is named, since
   * Cinder would ask Nova about it and refuse to delete it. Answers the id, or why it was refused.
   */
  async reserve(
    volumeId: string,
    mode: AccessMode,
  ): Promise<{ id: string } | { refused: string; id?: never }> {
    const known = (await this.api.knowsMode()) ? { mode } : {};
    const body = { attachment: { volume_uuid: volumeId, ...known } };
    const answer = await this.api.send('POST', '/attachments', body);
    if (answer.status >= 400) return { refused: answer.because };
    return { id: this.api.read(answer, 'POST /attachments', one).attachment.id };
  }

  async find(id: string): Promise<CinderAttachment | undefined> {
    return (await this.api.find(pathOf(id), one))?.attachment;
  }

  async ofVolume(volumeId: string): Promise<CinderAttachment[]> {
    const query = new URLSearchParams({ volume_id: volumeId });
    return (await this.api.get(`/attachments/detail?${query.toString()}`, several)).attachments;
  }

  /** Those of the project. */
  async all(): Promise<CinderAttachment[]> {
    const all = (await this.#pages()) ?? (await this.#pages());
    if (all !== undefined) return all;
    throw this.api.unavailable('its attachments are deleted faster than they are listed');
  }

  /**
   * Page by page, since Cinder does not tell which one is the last. Undefined where the one that a
   * page begins after was deleted meanwhile.
   */
  async #pages(): Promise<CinderAttachment[] | undefined> {
    const { attachments: all } = await this.api.get('/attachments/detail', several);
    for (let marker = all.at(-1)?.id; marker !== undefined;) {
      const query = new URLSearchParams({ marker });
      const page = await this.api.find(`/attachments/detail?${query.toString()}`, several);
      if (page === undefined) return undefined;
      all.push(...page.attachments);
      marker = page.attachments.at(-1)?.id;
    }
    return all;
  }

  /** What one is called wherever it is spoken of: ids are not looked for in another project. */
  async nameOf(id: string): Promise<string> {
    return (await this.api.place()) + pathOf(id);
  }

  /**
   * Exports the volume and lets the host in; may be repeated. Null where another call, whose answer
   * was lost, has done it: repeat. Undefined where there is no such attachment.
   */
  async connect(
    id: string,
    properties: ConnectorProperties,
  ): Promise<CinderConnection | null | undefined> {
    const body = { attachment: { connector: connectorOf(properties) } };
    const answer = await this.api.send('PUT', pathOf(id), body);
    if (answer.status === 404) return undefined;
    return this.api.read(answer, `PUT ${pathOf(id)}`, connected).attachment.connection_info ?? null;
  }

  /**
   * Tells Cinder that the host is connected: the volume is `in-use` from now on. Answers whether
   * there is such an attachment.
   */
  async complete(id: string): Promise<boolean> {
    const path = `${pathOf(id)}/action`;
    const answer = await this.api.send('POST', path, { 'os-complete': {} });
    if (answer.status === 404) return false;
    if (answer.status >= 400) throw this.api.refused(`POST ${path}`, answer);
    // A page of a proxy in maintenance may come with a 200.
    if (answer.status === 204) return true;
    throw this.api.unavailable(`unexpected answer to POST ${path}: HTTP ${answer.status}`);
  }

  /** Takes access, export and reservation back, in this one call. Answers whether it was there. */
  async delete(id: string): Promise<boolean> {
    const answer = await this.api.send('DELETE', pathOf(id));
    if (answer.status === 404) return false;
    // Cinder lists those that remain; what anybody else says tells nothing.
    this.api.read(answer, `DELETE ${pathOf(id)}`, several);
    return true;
  }
}
