export { copyVolume } from './copy-volume.ts';
export { verifyVolumes } from './verify-volumes.ts';
export { releaseAttachment } from './release-attachment.ts';
export { inspectCopy } from './inspect-copy.ts';
export { manageVolume } from './manage-volume.ts';
export { examine } from './examine.ts';
export { findLeaks } from './find-leaks.ts';
export { notifyHooks } from './notify-hooks.ts';
