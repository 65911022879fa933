import { defineSearchAttributeKey } from '@temporalio/common';

/** Plain text in the visibility store: never anything secret. */
export const searchAttributes = {
  phase: defineSearchAttributeKey('DrayPhase', 'KEYWORD'),
  host: defineSearchAttributeKey('DrayHost', 'KEYWORD'),
  source: defineSearchAttributeKey('DraySource', 'KEYWORD'),
  destination: defineSearchAttributeKey('DrayDestination', 'KEYWORD'),
  /** Name of the fleet that began the copy, and whose the volume is. */
  fleet: defineSearchAttributeKey('DrayFleet', 'KEYWORD'),
  tenant: defineSearchAttributeKey('DrayTenant', 'KEYWORD'),
  needsDecision: defineSearchAttributeKey('DrayNeedsDecision', 'BOOL'),
};
