/**
 * O_PATH of open(2), the same number on every architecture that Node runs on; Node names it not. A
 * descriptor of that kind points at a file without having it open: it neither reads nor writes.
 */
export const O_PATH = 0o10000000;
