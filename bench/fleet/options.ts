export type FleetOptions = {
  /** Volumes of the fleet; one of a tenth of them is measured before it. */
  volumes: number;
  json: boolean;
  writeDocs: boolean;
};
