import type { BackendConfig } from '../system/config/schema.ts';
import type { Backend } from './backend.ts';
import { CinderBackend } from './cinder/cinder.ts';
import type { BackendContext } from './context.ts';
import { FileBackend } from './file.ts';
import { TgtBackend } from './tgt/tgt.ts';

export type { BackendContext } from './context.ts';

/**
 * The backend that a configuration describes; call its `open()` before anything else.
 * @throws BadOption when the configuration cannot be served
 */
export function openBackend(name: string, config: BackendConfig, context: BackendContext): Backend {
  switch (config.type) {
    case 'file':
      return new FileBackend(name, config, context);
    case 'tgt':
      return new TgtBackend(name, config, context);
    case 'cinder':
      return new CinderBackend(name, config, context);
  }
}
