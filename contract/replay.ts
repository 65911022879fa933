/** An open run that would not go on under the release that was asked. */
export type BrokenRun = { workflowId: string; runId: string; because: string };

/** What became of the open runs: those that go on are only counted. */
export type Replayed = { goOn: number; broken: BrokenRun[] };
