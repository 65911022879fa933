import {
  defineSignal,
  setCurrentDetails,
  setHandler,
  upsertMemo,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import type { Attachment } from '../contract/attachment.ts';
import type { Held, LostHost } from '../contract/copy.ts';
import type { TimeLimits } from '../contract/limits.ts';
import {
  type CopyStatus,
  type DataNews,
  LOST_MEMO,
  NEWS_SIGNAL,
  type Phase,
} from '../contract/messages.ts';
import { searchAttributes } from '../contract/search-attributes.ts';
import { formatVolume } from '../contract/volume.ts';
import { Announcer } from './announce.ts';
import { now } from './clock.ts';
import { ControlDesk } from './control.ts';
import { DecisionDesk } from './decisions.ts';
import { renderDetails } from './details.ts';
import type { Fault } from './faults.ts';
import { UndoStack } from './undo.ts';

/** While bytes move; what comes later is of a step that has ended. */
const DATA_PHASES: readonly Phase[] = ['copying', 'verifying'];

function isNews(input: unknown): input is DataNews {
  const { at, done, total, bytesPerSecond } = (input ?? {}) as Partial<DataNews>;
  return typeof at === 'string' && [done, total, bytesPerSecond].every(Number.isFinite);
}

/** What one execution carries from step to step: state of the execution, never of the module. */
export class Run {
  readonly undo = new UndoStack();
  readonly held: Held[] = [];
  readonly desk: DecisionDesk;
  readonly control: ControlDesk;
  readonly announcer: Announcer;
  /** Hosts of which a person has said that they are powered off. */
  readonly hostsOff = new Set<string>();
  /** Hosts that were gone while something waited for them. */
  readonly lost: LostHost[] = [];
  /**
   * Why nothing more may be taken back, asked before each attempt. Default: there is no such reason.
   */
  whyStop?: () => Promise<string | undefined>;
  /** When each phase began. */
  readonly phases: { phase: Phase; at: string }[] = [];
  /** What may be attached on the host. */
  attachments: Attachment[] = [];
  #phase: Phase = 'preparing';
  #news: DataNews | undefined;
  #failure: Fault | undefined;
  /** Ids of attachments. */
  readonly #cutOff = new Set<string>();

  constructor(
    readonly title: string,
    readonly limits: TimeLimits,
    public host: string,
    /** Whether there is a copier that people may steer. */
    copies = false,
    /** Hosts to go on with when one is lost; undefined: a person decides. */
    private readonly standby?: readonly string[],
  ) {
    this.desk = new DecisionDesk(
      () => this.status,
      () => this.#show(),
      () => this.#describe(),
    );
    setHandler(defineSignal<[unknown]>(NEWS_SIGNAL), (news) => this.#hear(news), {
      description: 'Sent by the step that copies or compares: how far it has come. Not for people',
    });
    this.control = new ControlDesk(
      copies,
      () => this.#phase,
      () => this.#show(),
    );
    this.announcer = new Announcer(this);
  }

  get status(): CopyStatus {
    const { refused } = this.desk;
    return {
      phase: this.#shownPhase,
      host: this.host,
      parked: this.desk.parked,
      decisions: this.desk.taken,
      held: this.held,
      lost: this.lost,
      attachments: this.attachments,
      ...(refused === undefined ? {} : { refused }),
      ...(this.#news === undefined ? {} : { news: this.#news }),
      control: this.control.current,
      controlChanges: this.control.changes,
      ...(this.control.paused === undefined ? {} : { paused: this.control.paused }),
      ...(this.#failure === undefined
        ? {}
        : { failure: { code: this.#failure.code, message: this.#failure.message } }),
    };
  }

  enter(phase: Phase, failure = this.#failure): void {
    this.#phase = phase;
    this.#failure = failure;
    this.#news = undefined;
    this.phases.push({ phase, at: now() });
    this.#show();
  }

  /** Whether a lost host may be left without asking anybody. */
  get leavesLostHosts(): boolean {
    return this.standby !== undefined;
  }

  /** The next one that stands by; undefined where none is left. */
  nextHost(): string | undefined {
    const left = [this.host, ...this.lost.map(({ host }) => host)];
    return this.standby?.find((host) => !left.includes(host));
  }

  /** Written down before anything is taken from the host: once it is back it gives up what it has. */
  lose(because: string, next?: string): void {
    const attachments = this.attachments.filter((each) => !this.isLost(each)).map(({ id }) => id);
    const where = next === undefined ? {} : { next };
    this.lost.push({ host: this.host, at: now(), because, attachments, cutOff: [], ...where });
    upsertMemo({ [LOST_MEMO]: this.lost.flatMap((each) => each.attachments) });
    this.#show();
  }

  isLost({ id }: Attachment): boolean {
    return this.lost.some(({ attachments }) => attachments.includes(id));
  }

  /** The backend has proven that the host of an attachment cannot reach the volume any more. */
  cutOff({ id, volume }: Attachment): void {
    this.#cutOff.add(id);
    this.lost
      .find(({ attachments }) => attachments.includes(id))
      ?.cutOff.push(formatVolume(volume));
    this.#show();
  }

  isCutOff({ id }: Attachment): boolean {
    return this.#cutOff.has(id);
  }

  /** A data step begins: nothing that was heard of the one before counts. */
  beginData(): void {
    this.#setNews(undefined);
  }

  get #shownPhase(): Phase {
    return this.#news?.stalledSince === undefined ? this.#phase : 'stalled';
  }

  #hear(news: unknown): void {
    if (!isNews(news) || !DATA_PHASES.includes(this.#phase)) return;
    if ((news.host ?? this.host) !== this.host) return;
    const before = this.#news;
    // What took its time on the way; times of one form compare as text.
    if (before !== undefined && news.at < before.at) return;
    const isStalled = news.stalledSince !== undefined && before?.done === news.done;
    // An attempt does not know for how long those before it stood still.
    if (isStalled && before.stalledSince !== undefined) {
      this.#setNews({ ...news, stalledSince: before.stalledSince });
    } else {
      this.#setNews(news);
    }
  }

  /** Lists hear only of a stall and of its end: each change of theirs is an event for ever. */
  #setNews(news: DataNews | undefined): void {
    const before = this.#shownPhase;
    this.#news = news;
    if (this.#shownPhase === before) this.#describe();
    else this.#show();
  }

  /** Search attributes are for lists, details for who looks at one run. */
  #show(): void {
    upsertSearchAttributes([
      { key: searchAttributes.phase, value: this.#shownPhase },
      { key: searchAttributes.host, value: this.host },
      { key: searchAttributes.needsDecision, value: this.desk.parked.length > 0 },
    ]);
    this.#describe();
  }

  #describe(): void {
    setCurrentDetails(renderDetails(this.title, workflowInfo().workflowId, this.status));
  }
}
