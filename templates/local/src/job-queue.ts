/** The job queue of the local host: the table `jobs`, through the generated database interface. */

import { type Clock, systemClock } from "./clock.ts";
import { JOBS_PER_ACCOUNT, MAX_RETRIES } from "./spec/settings.ts";
import type { IDatabase, Job, JsonObject } from "./spec/types.ts";

/** A job to be done. */
export interface NewJob {
  /** Of two jobs with the same id only the first is kept; a random one when left out. */
  id?: string;
  type: string;
  payload: JsonObject;
  /** How often the job is tried again after its first attempt. */
  maxRetries?: number;
  /** The job is not started before this moment. */
  runAfter?: Date;
}

type JobDatabase = Pick<
  IDatabase,
  | "insertJob"
  | "getJob"
  | "claimJob"
  | "getJobAccount"
  | "completeJob"
  | "retryJob"
  | "failJob"
  | "pauseJob"
  | "recoverRunningJobs"
  | "nextJobAt"
>;

/** Keeps jobs in SQLite, so that an accepted one survives the process. */
export class LocalJobQueue {
  readonly #database: JobDatabase;
  readonly #clock: Clock;
  readonly #perAccount: number;
  readonly #listeners = new Set<() => void>();
  /** The accounts whose jobs were handed out, the last one last; 0 for jobs of none. */
  #served: number[] = [];

  /** @param perAccount how many jobs of one account may run at a time. */
  constructor(database: JobDatabase, clock: Clock = systemClock, perAccount = JOBS_PER_ACCOUNT) {
    this.#database = database;
    this.#clock = clock;
    this.#perAccount = perAccount;
  }

  /** Stores a job and returns its id. */
  async enqueue(job: NewJob): Promise<string> {
    const id = job.id ?? crypto.randomUUID();
    const runAfter = job.runAfter?.toISOString() ?? null;
    await this.#database.insertJob(id, job.type, job.payload, job.maxRetries ?? MAX_RETRIES, runAfter);
    for (const listener of this.#listeners) listener();
    return id;
  }

  /** Calls `listener` after each new job, until the returned function is called. */
  onEnqueued(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** A job as it stands, or null when there is none with this id. */
  getStatus(id: string): Promise<Job | null> {
    return this.#database.getJob(id);
  }

  /**
   * Claims a job that is due; no other claim gets it. Accounts take turns, and a scan has one job running at a time.
   */
  async dequeue(): Promise<Job | null> {
    const job = await this.#database.claimJob(this.#clock.now().toISOString(), this.#perAccount, this.#served);
    if (job) {
      const account = (await this.#database.getJobAccount(job.id)) ?? 0;
      this.#served = [...this.#served.filter((other) => other !== account), account];
    }
    return job;
  }

  /** Marks a job done. */
  async complete(id: string, result: JsonObject | null = null): Promise<void> {
    await this.#database.completeJob(id, result);
  }

  /** Puts a job back after a failed attempt. */
  async retry(id: string, error: string, runAfter: Date): Promise<void> {
    await this.#database.retryJob(id, error, runAfter.toISOString());
  }

  /** Marks a job failed for good. */
  async fail(id: string, error: string): Promise<void> {
    await this.#database.failJob(id, error);
  }

  /** Sets a job aside without counting the attempt. */
  async pause(id: string, runAfter: Date): Promise<void> {
    await this.#database.pauseJob(id, runAfter.toISOString());
  }

  /** Puts jobs back that were running when the process ended; returns how many. For the start, before any loop runs. */
  recoverRunningJobs(): Promise<number> {
    return this.#database.recoverRunningJobs();
  }

  /** When the next job becomes due that is not due yet, or null when there is none. */
  async nextDueAt(): Promise<Date | null> {
    const next = await this.#database.nextJobAt(this.#clock.now().toISOString());
    return next === null ? null : new Date(next);
  }
}
