/** The worker loop of the local host: takes jobs off the queue, several at a time, and has the core work on each. */

import { type Clock, secondsAfter, systemClock } from "./clock.ts";
import { messageOf } from "./errors.ts";
import type { LocalJobQueue } from "./job-queue.ts";
import type { Log } from "./log.ts";
import { JOBS, POLL_SECONDS } from "./spec/settings.ts";
import type { Job } from "./spec/types.ts";

/** What is to become of a job; `Disposition` in Python, which alone decides whether and when something is tried again. */
export type Disposition =
  | { outcome: "done" }
  | { outcome: "retry"; error: string; afterSeconds: number }
  | { outcome: "failed"; error: string };

/** Works on a job. One that throws is handed out again, as by a queue whose consumer has died. */
export type JobHandler = (job: Job) => Promise<Disposition>;

export interface WorkerLoopOptions {
  clock?: Clock;
  log?: Log;
  /** Called when the queue gives a job up, before it is marked so: after a crash in between it is called again. */
  onGivenUp?: (job: Job, error: string) => Promise<void>;
  /** Called for each job that is put back since the host stops. */
  onBrokenOff?: (job: Job) => Promise<void>;
  /** How many jobs it works on at a time. */
  jobs?: number;
  pollSeconds?: number;
}

// How long a job waits whose handler threw.
const UNEXPECTED_SECONDS = 30;

/** Works off the queue until it is stopped. */
export class WorkerLoop {
  readonly #queue: LocalJobQueue;
  readonly #handler: JobHandler;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #onGivenUp: (job: Job, error: string) => Promise<void>;
  readonly #onBrokenOff: (job: Job) => Promise<void>;
  readonly #jobs: number;
  readonly #pollSeconds: number;
  readonly #stopping = new AbortController();
  #awake = new AbortController();
  #running: Promise<void> | undefined;
  readonly #working = new Map<Job, Promise<void>>();
  #abandoned = false;

  constructor(queue: LocalJobQueue, handler: JobHandler, options: WorkerLoopOptions = {}) {
    this.#queue = queue;
    this.#handler = handler;
    this.#clock = options.clock ?? systemClock;
    this.#log = options.log ?? (() => {});
    this.#onGivenUp = options.onGivenUp ?? (async () => {});
    this.#onBrokenOff = options.onBrokenOff ?? (async () => {});
    this.#jobs = options.jobs ?? JOBS;
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

  /** The jobs that are being worked on. */
  get working(): readonly Job[] {
    return [...this.#working.keys()];
  }

  /** Makes an idle loop look for jobs now. */
  wake(): void {
    this.#awake.abort();
  }

  /**
   * Takes no more jobs, and waits for the running ones, at most `milliseconds`; then these are put back, their attempts
   * uncounted, and whatever they still answer is ignored. Returns whether all were finished.
   */
  async stop(milliseconds = 10_000): Promise<boolean> {
    this.#stopping.abort();
    this.wake();
    if (!this.#running) return true;
    const finished = new AbortController();
    const ended = this.#running.then(() => Promise.all(this.#working.values())).then(() => finished.abort());
    await Promise.race([ended, this.#clock.sleep(milliseconds, finished.signal)]);
    if (finished.signal.aborted) return true;
    this.#abandoned = true;
    for (const job of this.working) {
      await this.#onBrokenOff(job);
      await this.#queue.pause(job.id, this.#clock.now());
    }
    return false;
  }

  async #run(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      // Renewed before looking, so that a job which arrives while we look is not slept over.
      this.#awake = new AbortController();
      try {
        const job = this.#working.size < this.#jobs ? await this.#queue.dequeue() : null;
        if (job) this.#begin(job);
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

  #begin(job: Job): void {
    const ended = this.#work(job).finally(() => {
      this.#working.delete(job);
      this.wake();
    });
    this.#working.set(job, ended);
  }

  async #work(job: Job): Promise<void> {
    // Attempts are counted when a job is claimed, so one that ends the process before the core runs cannot do so for ever.
    const isWornOut = job.attempts > job.maxRetries + 1;
    const worn = job.error ?? `It was begun ${job.attempts - 1} times, and the process ended.`;
    const disposition = isWornOut ? retry(worn) : await this.#handler(job).catch((error) => retry(messageOf(error)));
    while (!this.#abandoned) {
      try {
        await this.#settle(job, disposition);
        return;
      } catch (error) {
        // While it is marked as running, no other job of its scan is begun.
        this.#log("error", `job ${job.id} (${job.type}): ${messageOf(error)}`);
        await this.#clock.sleep(this.#pollSeconds * 1000);
      }
    }
  }

  async #settle(job: Job, disposition: Disposition): Promise<void> {
    switch (disposition.outcome) {
      case "done":
        await this.#queue.complete(job.id);
        break;
      case "failed":
        this.#log("warning", `job ${job.id} (${job.type}) failed: ${disposition.error}`);
        await this.#queue.fail(job.id, disposition.error);
        break;
      case "retry":
        if (job.attempts > job.maxRetries) await this.#giveUp(job, disposition.error);
        else await this.#retry(job, disposition.error, disposition.afterSeconds);
    }
  }

  async #retry(job: Job, error: string, seconds: number): Promise<void> {
    this.#log("warning", `job ${job.id} (${job.type}) is handed out again in ${seconds} s: ${error}`);
    await this.#queue.retry(job.id, error, secondsAfter(this.#clock.now(), seconds));
  }

  async #giveUp(job: Job, message: string): Promise<void> {
    this.#log("error", `job ${job.id} (${job.type}) is given up: ${message}`);
    try {
      await this.#onGivenUp(job, message);
    } catch (error) {
      // The job's owner does not know yet, so the job stays, to be given up later.
      this.#log("error", `job ${job.id} (${job.type}): that could not be told: ${messageOf(error)}`);
      await this.#retry(job, message, UNEXPECTED_SECONDS);
      return;
    }
    await this.#queue.fail(job.id, message);
  }
}

function retry(error: string): Disposition {
  return { outcome: "retry", error, afterSeconds: UNEXPECTED_SECONDS };
}
