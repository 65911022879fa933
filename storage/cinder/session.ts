/** How requests reach the volumes of one project. */
export type Session = {
  /** `http://host:8776/v3/<project>`, or without the project: what all paths are appended to. */
  url: string;
  /** Value of X-Auth-Token. */
  token: string;
  /** Id of the project. */
  project: string;
  /** PEM of the CAs to trust there. Default: those that Node trusts. */
  ca?: string;
};

/** Who asks. */
export interface Auth {
  /** The session in force, a new one where there is none. */
  session(): Promise<Session>;
  /** That session was refused: if it is still in force, the next one is new. */
  forget(refused: Session): void;
}

/** One project of one Cinder, whoever asks: what is made there is nowhere else. */
export function placeOf({ url, project }: Session): string {
  return url.endsWith(`/${project}`) ? url : `${url}/${project}`;
}

/** Cinder's own middleware for labs, `auth_strategy = noauth`: everybody is an administrator. */
export function noAuth(endpoint: string, project: string): Auth {
  const url = `${endpoint.replace(/\/+$/, '')}/v3/${project}`;
  return {
    session: () => Promise.resolve({ url, token: `drayage:${project}`, project }),
    forget: () => undefined,
  };
}
