/** The batch poller of the local host: has the core ask for each provider batch that is waited for, when it is time. */

import { type Clock, systemClock } from "./clock.ts";
import { messageOf } from "./errors.ts";
import type { Log } from "./log.ts";
import type { DueBatchPoll, IDatabase } from "./spec/types.ts";

/** Asks once for the batch that is polled under a name, and sets, in the table, when to ask again. */
export type Poll = (name: string) => Promise<void>;

// A timer cannot run for more than 24 days, and stands still while the computer sleeps: so we look at the time now and then.
const LONGEST_SLEEP_MILLISECONDS = 60_000;
// How long a poll rests that could not even set when it comes next, as when the database is locked.
const PAUSE_MILLISECONDS = 5_000;
// Far more than scans wait at a time on one computer.
const MOST_POLLS = 1_000;

/**
 * Watches the table of polls until it is stopped.
 *
 * Several names are polled at the same time, so that a provider which does not answer delays nobody else; one name only
 * once at a time. What is to be polled, and when, is in the table alone: nothing is lost with the process.
 */
export class BatchPoller {
  readonly #database: Pick<IDatabase, "listBatchPolls">;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #stopping = new AbortController();
  #awake = new AbortController();
  #running: Promise<void> | undefined;
  readonly #polling = new Map<string, Promise<void>>();
  /** By name, what a poll found in the table, which it should have changed, and until when it rests if it has not. */
  readonly #polled = new Map<string, { nextPollAt: string; until: number }>();

  constructor(database: Pick<IDatabase, "listBatchPolls">, options: { clock?: Clock; log?: Log } = {}) {
    this.#database = database;
    this.#clock = options.clock ?? systemClock;
    this.#log = options.log ?? (() => {});
  }

  /** Starts watching; polls that came due while no process ran are done at once. */
  start(poll: Poll): void {
    if (this.#running) throw new Error("the batch poller has been started already");
    this.#running = this.#run(poll);
  }

  /** Makes it look at the table now. */
  wake(): void {
    this.#awake.abort();
  }

  /** Begins no more polls, and waits for those under way, at most `milliseconds`. Returns whether they were finished. */
  async stop(milliseconds = 10_000): Promise<boolean> {
    this.#stopping.abort();
    this.wake();
    const finished = new AbortController();
    const ended = Promise.all([this.#running, ...this.#polling.values()]).then(() => finished.abort());
    await Promise.race([ended, this.#clock.sleep(milliseconds, finished.signal)]);
    return finished.signal.aborted;
  }

  async #run(poll: Poll): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      // Renewed before looking, so that a poll which is started while we look is not slept over.
      this.#awake = new AbortController();
      try {
        const wait = await this.#beginDue(poll);
        await this.#clock.sleep(wait, this.#awake.signal);
      } catch (error) {
        this.#log("error", `batch poller: ${messageOf(error)}`);
        await this.#clock.sleep(PAUSE_MILLISECONDS, this.#stopping.signal);
      }
    }
  }

  /** Begins the polls that are due; returns how long to wait for the next one, in milliseconds. */
  async #beginDue(poll: Poll): Promise<number> {
    const polls = await this.#database.listBatchPolls(MOST_POLLS);
    if (this.#stopping.signal.aborted) return 0;
    const now = this.#clock.now().getTime();
    for (const [name, { until }] of this.#polled) if (until <= now) this.#polled.delete(name);
    let wait = LONGEST_SLEEP_MILLISECONDS;
    for (const row of polls) {
      // We are woken when it has ended.
      if (this.#polling.has(row.name)) continue;
      const due = this.#dueAt(row);
      if (due > now) wait = Math.min(wait, due - now);
      else this.#begin(poll, row);
    }
    return wait;
  }

  #dueAt({ name, nextPollAt }: DueBatchPoll): number {
    const polled = this.#polled.get(name);
    const due = new Date(nextPollAt).getTime();
    return polled?.nextPollAt === nextPollAt ? Math.max(due, polled.until) : due;
  }

  #begin(poll: Poll, row: DueBatchPoll): void {
    const ended = this.#pollOnce(poll, row).finally(() => {
      this.#polling.delete(row.name);
      this.wake();
    });
    this.#polling.set(row.name, ended);
  }

  async #pollOnce(poll: Poll, { name, nextPollAt }: DueBatchPoll): Promise<void> {
    try {
      await poll(name);
    } catch (error) {
      this.#log("error", `batch poller: ${name}: ${messageOf(error)}`);
    }
    this.#polled.set(name, { nextPollAt, until: this.#clock.now().getTime() + PAUSE_MILLISECONDS });
  }
}
