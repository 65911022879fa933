import { defineSearchAttributeKey } from '@temporalio/common';

/** Plain text in the visibility store: never anything secret. */
export const searchAttributes = {
  phase: defineSearchAttributeKey('DrayPhase', 'KEYWORD'),
  host: defineSearchAttributeKey('DrayHost', 'KEYWORD'),
  source: defineSearchAttributeKey('DraySource', 'KEYWORD'),
  destination: defineSearchAttributeKey('DrayDestination', 'KEYWORD'),
  needsDecision: defineSearchAttributeKey('DrayNeedsDecision', 'BOOL'),
};
