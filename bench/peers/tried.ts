/** What was tried about targets that were missed once, by the target's name. */
export const TRIED: Readonly<Record<string, string>> = {
  'iscsi: speed over dd bs=1M':
    'Longer direct writes, as others do them, corrupt. 4, 8 and 16 lanes, reads of 8 MiB, two FUSE ' +
    'exports of one volume and the page cache are no faster: tgtd and both storage daemons take 6 ' +
    'CPU seconds a GiB, 3 of them in one thread of tgtd.',
  '2 ms a request: speed over dd bs=1M':
    'Requests of 1 to 16 MiB, and 2 to 16 lanes: length helps, lanes do not. Neither do they help others: ' +
    'dd with 64 MiB, qemu-img with 16 requests and fio with 64 under way stay below 3 as well. nbdkit and ' +
    'nbdfuse of both ends take the 2 cores, which no engine gets past.',
  'digests: time over that without, the most of all storages':
    'A lane digests what it has read while the others wait for storage. The rounds of one and the same tool are ' +
    'further apart than this on iSCSI and on delayed storage, where the CPU of both servers is what is short.',
  'file: sparse, time over that of as much dense data':
    'Holes are told of in runs and recorded as such. What is left is data that come in pieces of 64 MiB, one ' +
    'chunk each, into blocks that the filesystem allocates meanwhile; dense volumes are written over.',
};
