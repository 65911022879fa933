export { copyVolume } from './copy-volume.ts';
export { verifyVolumes } from './verify-volumes.ts';
export { releaseAttachment } from './release-attachment.ts';
export { manageVolume } from './manage-volume.ts';
