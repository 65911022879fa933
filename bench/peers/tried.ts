/** What was tried about targets that are missed, by the target's name. */
export const TRIED: Readonly<Record<string, string>> = {};
