/** The worker loop, with a clock that is moved by hand. */

import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { PermanentError, RetryError } from "../../../generated/local/src/errors.ts";
import { LocalJobQueue } from "../../../generated/local/src/job-queue.ts";
import type { Job } from "../../../generated/local/src/spec/types.ts";
import { type JobHandler, WorkerLoop, type WorkerLoopOptions } from "../../../generated/local/src/worker-loop.ts";
import { ManualClock, memoryDatabase, settle } from "./support.ts";

describe("WorkerLoop", () => {
  let clock: ManualClock;
  let queue: LocalJobQueue;
  let loops: WorkerLoop[];
  let failures: { id: string; error: string }[];

  const onFailed = async (job: Job, error: string) => {
    failures.push({ id: job.id, error });
  };

  function createLoop(handler: JobHandler, options: WorkerLoopOptions = {}): WorkerLoop {
    const loop = new WorkerLoop(queue, handler, { clock, onFailed, ...options });
    loops.push(loop);
    return loop;
  }

  /** A handler that fails as told, attempt after attempt, and then succeeds; it notes when it was called. */
  function failing(...errors: Error[]): { handler: JobHandler; seconds: number[] } {
    const started = clock.now().getTime();
    const seconds: number[] = [];
    const handler: JobHandler = async () => {
      seconds.push((clock.now().getTime() - started) / 1000);
      const error = errors.shift();
      if (error) throw error;
      return null;
    };
    return { handler, seconds };
  }

  beforeEach(() => {
    clock = new ManualClock();
    queue = new LocalJobQueue(memoryDatabase().database, clock);
    loops = [];
    failures = [];
  });

  afterEach(async () => {
    for (const loop of loops) await loop.stop(0);
  });

  test("does all waiting jobs before it sleeps", async () => {
    const ids = [];
    for (let scanId = 0; scanId < 5; scanId++) ids.push(await queue.enqueue({ type: "scan", payload: { scanId } }));
    const done: string[] = [];
    await createLoop(async (job) => {
      done.push(job.id);
      return null;
    }).start();
    await settle();
    expect(done).toEqual(ids);
  });

  test("keeps what the handler returns", async () => {
    const id = await queue.enqueue({ type: "scan", payload: {} });
    await createLoop(async () => ({ next: "ingest" })).start();
    await settle();
    expect(await queue.getStatus(id)).toMatchObject({ status: "done", result: { next: "ingest" } });
  });

  test("looks for jobs every second when it is idle", async () => {
    await createLoop(async () => null).start();
    await settle();
    expect(clock.nextWake).toBe(1000);
    await clock.advance(1000);
    expect(clock.nextWake).toBe(1000);
  });

  test("starts a new job without waiting for the next poll", async () => {
    const { handler, seconds } = failing();
    await createLoop(handler).start();
    await settle();
    await queue.enqueue({ type: "scan", payload: {} });
    await settle();
    expect(seconds).toEqual([0]);
  });

  test("starts a delayed job when it is due, between two polls", async () => {
    const { handler, seconds } = failing();
    await createLoop(handler).start();
    await queue.enqueue({ type: "scan", payload: {}, runAfter: new Date(clock.now().getTime() + 1250) });
    await clock.advance(5000);
    expect(seconds).toEqual([1.25]);
  });

  test("tries a failed job again after 1, 2 and 4 seconds, and then gives it up", async () => {
    const id = await queue.enqueue({ type: "scan", payload: {} });
    const { handler, seconds } = failing(...Array.from({ length: 9 }, (_, number) => new Error(`error ${number + 1}`)));
    await createLoop(handler).start();
    await clock.advance(60_000);
    expect(seconds).toEqual([0, 1, 3, 7]);
    expect(await queue.getStatus(id)).toMatchObject({ status: "failed", error: "error 4", attempts: 4 });
    expect(failures).toEqual([{ id, error: "error 4" }]);
  });

  test("waits 60 seconds, doubled each attempt, after a rate limit", async () => {
    await queue.enqueue({ type: "scan", payload: {} });
    const limit = () => new RetryError("429", { rateLimited: true });
    const { handler, seconds } = failing(limit(), limit());
    await createLoop(handler).start();
    await clock.advance(600_000);
    expect(seconds).toEqual([0, 60, 180]);
  });

  test("waits as long as the other side asks", async () => {
    await queue.enqueue({ type: "scan", payload: {} });
    const { handler, seconds } = failing(new RetryError("429", { rateLimited: true, afterSeconds: 7 }));
    await createLoop(handler).start();
    await clock.advance(60_000);
    expect(seconds).toEqual([0, 7]);
  });

  test("does other jobs while one waits for its next attempt", async () => {
    const done: string[] = [];
    const slow = await queue.enqueue({ type: "scan", payload: {} });
    const quick = await queue.enqueue({ type: "scan", payload: {} });
    await createLoop(async (job) => {
      if (job.id === slow && job.attempts === 1) throw new RetryError("429", { rateLimited: true });
      done.push(job.id);
      return null;
    }).start();
    await clock.advance(120_000);
    expect(done).toEqual([quick, slow]);
  });

  test("gives up at once after a permanent error", async () => {
    const id = await queue.enqueue({ type: "scan", payload: {} });
    const { handler, seconds } = failing(new PermanentError("the repository is gone"));
    await createLoop(handler).start();
    await clock.advance(60_000);
    expect(seconds).toEqual([0]);
    expect(failures).toEqual([{ id, error: "the repository is gone" }]);
  });

  test("never gives one job to two loops", async () => {
    const seen: string[] = [];
    const handler: JobHandler = async (job) => {
      seen.push(job.id);
      await settle();
      return null;
    };
    for (let scanId = 0; scanId < 50; scanId++) await queue.enqueue({ type: "scan", payload: { scanId } });
    await createLoop(handler).start();
    await createLoop(handler).start({ recover: false });
    while (seen.length < 50) await settle();
    expect(new Set(seen).size).toBe(50);
  });

  test("takes up what was interrupted when the last process ended", async () => {
    const id = await queue.enqueue({ type: "scan", payload: {} });
    await queue.dequeue();
    await createLoop(async () => null).start();
    await settle();
    expect(await queue.getStatus(id)).toMatchObject({ status: "done", attempts: 2 });
  });

  test("gives up a job that was interrupted more often than it may be tried", async () => {
    const id = await queue.enqueue({ type: "scan", payload: {}, maxRetries: 1 });
    for (let crash = 0; crash < 2; crash++) {
      await queue.dequeue();
      await queue.recoverRunningJobs();
    }
    const { handler, seconds } = failing();
    await createLoop(handler).start();
    await settle();
    expect(seconds).toEqual([]);
    expect(await queue.getStatus(id)).toMatchObject({ status: "failed" });
    expect(failures).toMatchObject([{ id }]);
  });

  test("keeps a job whose failure could not be reported, and reports it later", async () => {
    const id = await queue.enqueue({ type: "scan", payload: {} });
    let broken = true;
    const { handler } = failing(new PermanentError("no"), new PermanentError("no"));
    await createLoop(handler, {
      onFailed: async (job, error) => {
        if (broken) throw new Error("database is locked");
        await onFailed(job, error);
      },
    }).start();
    await settle();
    expect(await queue.getStatus(id)).toMatchObject({ status: "queued" });
    broken = false;
    await clock.advance(10_000);
    expect(await queue.getStatus(id)).toMatchObject({ status: "failed", error: "no" });
    expect(failures).toEqual([{ id, error: "no" }]);
  });

  test("waits for the running job when it is stopped, and takes no other", async () => {
    let finish = () => {};
    const running = await queue.enqueue({ type: "scan", payload: {} });
    const waiting = await queue.enqueue({ type: "scan", payload: {} });
    const loop = createLoop(() => new Promise((resolve) => (finish = () => resolve(null))));
    await loop.start();
    await settle();
    const stopped = loop.stop(10_000);
    await settle();
    finish();
    expect(await stopped).toBe(true);
    expect(await queue.getStatus(running)).toMatchObject({ status: "done" });
    expect(await queue.getStatus(waiting)).toMatchObject({ status: "queued" });
  });

  test("puts the running job back when it does not end in time", async () => {
    let finish = () => {};
    const id = await queue.enqueue({ type: "scan", payload: {} });
    const loop = createLoop(() => new Promise((resolve) => (finish = () => resolve(null))));
    await loop.start();
    await settle();
    const stopped = loop.stop(10_000);
    await clock.advance(10_000);
    expect(await stopped).toBe(false);
    finish();
    await settle();
    expect(await queue.getStatus(id)).toMatchObject({ status: "queued", attempts: 0 });
  });
});
