import { z } from 'zod';

/** Without name and password: where such a URL is told, they would be told as well. */
export const httpUrl = z
  .url({ protocol: /^https?$/ })
  .refine((url) => !url.includes('@'), 'must have no password in it');
