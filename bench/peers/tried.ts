/** What was tried about targets that were missed once, by the target's name. */
export const TRIED: Readonly<Record<string, string>> = {
  'iscsi: speed over dd bs=1M':
    'Longer direct writes, as others do them, corrupt. 4, 8 and 16 lanes, reads of 8 MiB, two FUSE ' +
    'exports of one volume and the page cache are no faster: tgtd and both storage daemons take 6 ' +
    'CPU seconds a GiB, 3 of them in one thread of tgtd.',
};
