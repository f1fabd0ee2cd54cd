/** The worker loop of the local host: takes jobs off the queue, one at a time, and decides what becomes of each. */

import { type Clock, secondsAfter, systemClock } from "./clock.ts";
import { messageOf, PermanentError, RetryError } from "./errors.ts";
import type { LocalJobQueue } from "./job-queue.ts";
import type { Log } from "./log.ts";
import { POLL_SECONDS, RETRIES } from "./spec/settings.ts";
import type { Job, JsonObject } from "./spec/types.ts";

/**
 * Does a job. What it returns is kept as the job's result. It throws `PermanentError` when trying again is useless,
 * `RetryError` to say when to try again; any other error is tried again after the usual wait.
 */
export type JobHandler = (job: Job) => Promise<JsonObject | null>;

export interface WorkerLoopOptions {
  clock?: Clock;
  log?: Log;
  /** Called when a job fails for good, before it is marked so: after a crash in between it is called again. */
  onFailed?: (job: Job, error: string) => Promise<void>;
  retries?: typeof RETRIES;
  pollSeconds?: number;
}

/** Works off the queue until it is stopped. */
export class WorkerLoop {
  readonly #queue: LocalJobQueue;
  readonly #handler: JobHandler;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #onFailed: (job: Job, error: string) => Promise<void>;
  readonly #retries: typeof RETRIES;
  readonly #pollSeconds: number;
  readonly #stopping = new AbortController();
  #awake = new AbortController();
  #running: Promise<void> | undefined;
  #current: Job | undefined;
  #abandoned = false;

  constructor(queue: LocalJobQueue, handler: JobHandler, options: WorkerLoopOptions = {}) {
    this.#queue = queue;
    this.#handler = handler;
    this.#clock = options.clock ?? systemClock;
    this.#log = options.log ?? (() => {});
    this.#onFailed = options.onFailed ?? (async () => {});
    this.#retries = options.retries ?? RETRIES;
    this.#pollSeconds = options.pollSeconds ?? POLL_SECONDS;
  }

  /**
   * Starts working, beginning with the jobs that were interrupted when the last process ended.
   *
   * Of several loops over one queue only the first may recover: to it, the others' jobs look interrupted.
   */
  async start(options: { recover?: boolean } = {}): Promise<void> {
    if (this.#running) throw new Error("the worker loop has been started already");
    if (options.recover ?? true) {
      const recovered = await this.#queue.recoverRunningJobs();
      if (recovered > 0) this.#log("info", `taking up ${recovered} interrupted job(s)`);
    }
    const unsubscribe = this.#queue.onEnqueued(() => this.wake());
    this.#running = this.#run().finally(unsubscribe);
  }

  /** Makes an idle loop look for jobs now. */
  wake(): void {
    this.#awake.abort();
  }

  /**
   * Takes no more jobs, and waits for the running one, at most `milliseconds`; then the job is put back, its attempt
   * uncounted, and whatever it still answers is ignored. Returns whether the job was finished.
   */
  async stop(milliseconds = 10_000): Promise<boolean> {
    this.#stopping.abort();
    this.wake();
    if (!this.#running) return true;
    const finished = new AbortController();
    const ended = this.#running.then(() => finished.abort());
    await Promise.race([ended, this.#clock.sleep(milliseconds, finished.signal)]);
    if (finished.signal.aborted) return true;
    this.#abandoned = true;
    if (this.#current) await this.#queue.pause(this.#current.id, this.#clock.now());
    return false;
  }

  async #run(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      // Renewed before looking, so that a job which arrives while we look is not slept over.
      this.#awake = new AbortController();
      try {
        const job = await this.#queue.dequeue();
        if (job) await this.#work(job);
        else await this.#idle();
      } catch (error) {
        this.#log("error", `worker loop: ${messageOf(error)}`);
        await this.#clock.sleep(this.#pollSeconds * 1000, this.#stopping.signal);
      }
    }
  }

  async #idle(): Promise<void> {
    if (this.#stopping.signal.aborted) return;
    const due = await this.#queue.nextDueAt();
    const poll = this.#pollSeconds * 1000;
    const wait = due === null ? poll : Math.min(Math.max(due.getTime() - this.#clock.now().getTime(), 1), poll);
    await this.#clock.sleep(wait, this.#awake.signal);
  }

  async #work(job: Job): Promise<void> {
    this.#current = job;
    try {
      await this.#attempt(job);
    } finally {
      this.#current = undefined;
    }
  }

  async #attempt(job: Job): Promise<void> {
    // Attempts are counted when a job is claimed, so one that kills the process cannot do so for ever.
    if (job.attempts > job.maxRetries + 1) {
      await this.#fail(job, job.error ?? `The process ended ${job.attempts - 1} times while it worked on this.`);
      return;
    }
    let result: JsonObject | null;
    try {
      result = await this.#handler(job);
    } catch (error) {
      if (this.#abandoned) return;
      await this.#afterError(job, error);
      return;
    }
    if (!this.#abandoned) await this.#queue.complete(job.id, result);
  }

  async #afterError(job: Job, error: unknown): Promise<void> {
    const message = messageOf(error);
    if (error instanceof PermanentError || job.attempts > job.maxRetries) {
      await this.#fail(job, message);
      return;
    }
    const seconds = this.#retryAfter(job.attempts, error);
    this.#log("warning", `job ${job.id} (${job.type}) is tried again in ${seconds} s: ${message}`);
    await this.#queue.retry(job.id, message, secondsAfter(this.#clock.now(), seconds));
  }

  async #fail(job: Job, message: string): Promise<void> {
    this.#log("error", `job ${job.id} (${job.type}) failed: ${message}`);
    try {
      await this.#onFailed(job, message);
    } catch (error) {
      // The job's owner does not know yet, so the job stays, to fail again later.
      this.#log("error", `job ${job.id} (${job.type}): its failure could not be handled: ${messageOf(error)}`);
      const again = secondsAfter(this.#clock.now(), this.#backoff(job.attempts, false));
      await this.#queue.retry(job.id, message, again);
      return;
    }
    await this.#queue.fail(job.id, message);
  }

  #retryAfter(attempt: number, error: unknown): number {
    if (!(error instanceof RetryError)) return this.#backoff(attempt, false);
    return error.afterSeconds ?? this.#backoff(attempt, error.rateLimited);
  }

  #backoff(attempt: number, rateLimited: boolean): number {
    const base = rateLimited ? this.#retries.rateLimitBaseSeconds : this.#retries.baseSeconds;
    return Math.min(base * 2 ** (attempt - 1), this.#retries.maxDelaySeconds);
  }
}
