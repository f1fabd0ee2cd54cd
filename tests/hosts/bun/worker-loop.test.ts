/** The worker loop, with a clock that is moved by hand. */

import type { Database } from "bun:sqlite";
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { LocalJobQueue } from "../../../generated/local/src/job-queue.ts";
import type { Job } from "../../../generated/local/src/spec/types.ts";
import {
  type Disposition,
  type JobHandler,
  WorkerLoop,
  type WorkerLoopOptions,
} from "../../../generated/local/src/worker-loop.ts";
import { ManualClock, memoryDatabase, rows, settle } from "./support.ts";

describe("WorkerLoop", () => {
  let clock: ManualClock;
  let queue: LocalJobQueue;
  let loops: WorkerLoop[];
  let raw: Database;
  let failures: { id: string; error: string }[];

  const onGivenUp = async (job: Job, error: string) => {
    failures.push({ id: job.id, error });
  };

  function createLoop(handler: JobHandler, options: WorkerLoopOptions = {}): WorkerLoop {
    const loop = new WorkerLoop(queue, handler, { clock, onGivenUp, ...options });
    loops.push(loop);
    return loop;
  }

  const DONE: Disposition = { outcome: "done" };
  const again = (afterSeconds: number, error = "no answer"): Disposition => ({ outcome: "retry", error, afterSeconds });
  const failed = (error: string): Disposition => ({ outcome: "failed", error });

  /** A handler that answers as told, attempt after attempt, and then that all is done; it notes when it was called. */
  function answering(...answers: (Disposition | Error)[]): { handler: JobHandler; seconds: number[] } {
    const started = clock.now().getTime();
    const seconds: number[] = [];
    const handler: JobHandler = async () => {
      seconds.push((clock.now().getTime() - started) / 1000);
      const answer = answers.shift() ?? DONE;
      if (answer instanceof Error) throw answer;
      return answer;
    };
    return { handler, seconds };
  }

  /** A handler whose jobs end when they are told to. */
  function lingering(): { handler: JobHandler; begun: Job[]; finish: (job: Job) => Promise<void> } {
    const begun: Job[] = [];
    const ends = new Map<string, () => void>();
    const handler: JobHandler = (job) => {
      begun.push(job);
      return new Promise((resolve) => ends.set(job.id, () => resolve(DONE)));
    };
    const finish = async (job: Job) => {
      ends.get(job.id)?.();
      await settle();
    };
    return { handler, begun, finish };
  }

  /** Scans of accounts, by account; each scan has one job. */
  async function scans(...accounts: string[]): Promise<string[]> {
    const ids = [];
    for (const account of accounts) ids.push(await queue.enqueue({ type: "scan", payload: { scanId: scan(account) } }));
    return ids;
  }

  let repositories = 0;
  /** A new scan of an account that is made when it is first named. */
  function scan(account: string): number {
    raw.query("INSERT INTO accounts (api_key_hash) VALUES (?1) ON CONFLICT DO NOTHING").run(account);
    const owned = "SELECT id FROM accounts WHERE api_key_hash = ?1";
    raw
      .query(`INSERT INTO repos (account_id, owner, name) VALUES ((${owned}), 'acme', ?2)`)
      .run(account, `r${++repositories}`);
    raw.query(`INSERT INTO scans (repo_id, account_id) VALUES ((SELECT max(id) FROM repos), (${owned}))`).run(account);
    return rows<{ id: number }>(raw, "SELECT max(id) AS id FROM scans")[0]?.id ?? 0;
  }

  beforeEach(() => {
    clock = new ManualClock();
    const memory = memoryDatabase();
    raw = memory.raw;
    queue = new LocalJobQueue(memory.database, clock, 2);
    loops = [];
    failures = [];
  });

  afterEach(async () => {
    for (const loop of loops) await loop.stop(0);
  });

  test("does all waiting jobs before it sleeps", async () => {
    const ids = [];
    for (let scanId = 0; scanId < 9; scanId++) ids.push(await queue.enqueue({ type: "scan", payload: { scanId } }));
    const done: string[] = [];
    await createLoop(async (job) => {
      done.push(job.id);
      return DONE;
    }).start();
    await settle();
    expect(done).toEqual(ids);
    for (const id of ids) expect(await queue.getStatus(id)).toMatchObject({ status: "done" });
  });

  test("works on several jobs at a time, and no more than it may", async () => {
    const { handler, begun, finish } = lingering();
    await scans("a", "b", "c", "d", "e");
    await createLoop(handler, { jobs: 3 }).start();
    await settle();
    expect(begun).toHaveLength(3);
    await finish(begun[1] as Job);
    expect(begun).toHaveLength(4);
  });

  test("never works on two jobs of one scan", async () => {
    const { handler, begun, finish } = lingering();
    const scanId = scan("a");
    const first = await queue.enqueue({ type: "scan", payload: { scanId, step: 1 } });
    const second = await queue.enqueue({ type: "scan", payload: { scanId, step: 2 } });
    await createLoop(handler).start();
    await clock.advance(5000);
    expect(begun.map((job) => job.id)).toEqual([first]);
    await finish(begun[0] as Job);
    expect(begun.map((job) => job.id)).toEqual([first, second]);
  });

  test("lets no account take up all places, however many scans it has", async () => {
    const { handler, begun } = lingering();
    const [a1, a2] = await scans("a", "a", "a", "a", "a", "a", "a");
    await createLoop(handler, { jobs: 3 }).start();
    await settle();
    expect(begun.map((job) => job.id)).toEqual([a1, a2] as string[]);
    const [b] = await scans("b");
    await settle();
    expect(begun.map((job) => job.id)).toEqual([a1, a2, b] as string[]);
  });

  test("gives accounts their turns, whoever came first and has the most to do", async () => {
    const order: string[] = [];
    const names = new Map<string, string>();
    const accounts = [..."aaaaaabbbc"];
    for (const [number, id] of (await scans(...accounts)).entries()) names.set(id, accounts[number] ?? "");
    await createLoop(
      async (job) => {
        order.push(names.get(job.id) ?? "");
        return DONE;
      },
      { jobs: 1 },
    ).start();
    await settle();
    expect(order.join("")).toBe("abcababaaa");
  });

  test("begins no job of an account again and again while another's waits", async () => {
    // Each message of a scan is followed by the next one, which is younger than what waits.
    const order: number[] = [];
    const [busy, other] = [scan("a"), scan("b")];
    const next = (scanId: number, step: number) => queue.enqueue({ type: "scan", payload: { scanId, step } });
    for (let step = 0; step < 5; step++) await next(busy, step);
    await createLoop(
      async (job) => {
        order.push(Number(job.payload.scanId));
        if (order.length === 1) await next(other, 1);
        return DONE;
      },
      { jobs: 1 },
    ).start();
    await settle();
    expect(order).toEqual([busy, other, busy, busy, busy, busy]);
  });

  test("sleeps while all that is due has to wait for what is running", async () => {
    const { handler } = lingering();
    const scanId = scan("a");
    for (let step = 0; step < 3; step++) await queue.enqueue({ type: "scan", payload: { scanId, step } });
    await createLoop(handler).start();
    await settle();
    expect(clock.nextWake).toBe(1000);
  });

  test("looks for jobs every second when it is idle", async () => {
    await createLoop(async () => DONE).start();
    await settle();
    expect(clock.nextWake).toBe(1000);
    await clock.advance(1000);
    expect(clock.nextWake).toBe(1000);
  });

  test("starts a new job without waiting for the next poll", async () => {
    const { handler, seconds } = answering();
    await createLoop(handler).start();
    await settle();
    await queue.enqueue({ type: "scan", payload: {} });
    await settle();
    expect(seconds).toEqual([0]);
  });

  test("starts a delayed job when it is due, between two polls", async () => {
    const { handler, seconds } = answering();
    await createLoop(handler).start();
    await queue.enqueue({ type: "scan", payload: {}, runAfter: new Date(clock.now().getTime() + 1250) });
    await clock.advance(5000);
    expect(seconds).toEqual([1.25]);
  });

  test("hands a job out again after as long as it is told", async () => {
    const id = await queue.enqueue({ type: "scan", payload: {} });
    const { handler, seconds } = answering(again(7), again(90), again(1));
    await createLoop(handler).start();
    await clock.advance(200_000);
    expect(seconds).toEqual([0, 7, 97, 98]);
    expect(await queue.getStatus(id)).toMatchObject({ status: "done", attempts: 4 });
  });

  test("hands out a job again whose handler throws, half a minute later", async () => {
    await queue.enqueue({ type: "scan", payload: {} });
    const { handler, seconds } = answering(new Error("odd"), new Error("odd"));
    await createLoop(handler).start();
    await clock.advance(600_000);
    expect(seconds).toEqual([0, 30, 60]);
  });

  test("gives a job up, as a queue would, that is handed out too often", async () => {
    const id = await queue.enqueue({ type: "scan", payload: {}, maxRetries: 2 });
    const { handler, seconds } = answering(again(1), again(1), again(1, "the last"), again(1));
    await createLoop(handler).start();
    await clock.advance(60_000);
    expect(seconds).toEqual([0, 1, 2]);
    expect(await queue.getStatus(id)).toMatchObject({ status: "failed", error: "the last", attempts: 3 });
    expect(failures).toEqual([{ id, error: "the last" }]);
  });

  test("does other jobs while one waits for its next attempt", async () => {
    const done: string[] = [];
    const slow = await queue.enqueue({ type: "scan", payload: {} });
    const quick = await queue.enqueue({ type: "scan", payload: {} });
    await createLoop(async (job) => {
      if (job.id === slow && job.attempts === 1) return again(60);
      done.push(job.id);
      return DONE;
    }).start();
    await clock.advance(120_000);
    expect(done).toEqual([quick, slow]);
  });

  test("keeps why a job failed, of which the core has told its owner", async () => {
    const id = await queue.enqueue({ type: "scan", payload: {} });
    const { handler, seconds } = answering(failed("the repository is gone"));
    await createLoop(handler).start();
    await clock.advance(60_000);
    expect(seconds).toEqual([0]);
    expect(failures).toEqual([]);
    expect(await queue.getStatus(id)).toMatchObject({ status: "failed", error: "the repository is gone" });
  });

  test("does not forget that a job is done when the database is locked for a while", async () => {
    const scanId = scan("a");
    const id = await queue.enqueue({ type: "scan", payload: { scanId, step: 1 } });
    const next = await queue.enqueue({ type: "scan", payload: { scanId, step: 2 } });
    const complete = queue.complete.bind(queue);
    let locked = 3;
    queue.complete = async (...values) => {
      if (locked-- > 0) throw new Error("database is locked");
      await complete(...values);
    };
    const { handler, seconds } = answering();
    await createLoop(handler).start();
    await clock.advance(60_000);
    expect(seconds).toEqual([0, 3]);
    for (const done of [id, next]) expect(await queue.getStatus(done)).toMatchObject({ status: "done", attempts: 1 });
  });

  test("never gives one job to two loops", async () => {
    const seen: string[] = [];
    const handler: JobHandler = async (job) => {
      seen.push(job.id);
      await settle();
      return DONE;
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
    await createLoop(async () => DONE).start();
    await settle();
    expect(await queue.getStatus(id)).toMatchObject({ status: "done", attempts: 2 });
  });

  test("gives up a job that was interrupted more often than it may be tried", async () => {
    const id = await queue.enqueue({ type: "scan", payload: {}, maxRetries: 1 });
    for (let crash = 0; crash < 2; crash++) {
      await queue.dequeue();
      await queue.recoverRunningJobs();
    }
    const { handler, seconds } = answering();
    await createLoop(handler).start();
    await settle();
    expect(seconds).toEqual([]);
    expect(await queue.getStatus(id)).toMatchObject({ status: "failed" });
    expect(failures).toMatchObject([{ id }]);
  });

  test("keeps a job whose end could not be told, and tells it later", async () => {
    const id = await queue.enqueue({ type: "scan", payload: {}, maxRetries: 0 });
    let broken = true;
    const { handler } = answering(again(1, "no"), again(1, "no"));
    await createLoop(handler, {
      onGivenUp: async (job, error) => {
        if (broken) throw new Error("database is locked");
        await onGivenUp(job, error);
      },
    }).start();
    await settle();
    expect(await queue.getStatus(id)).toMatchObject({ status: "queued" });
    broken = false;
    await clock.advance(40_000);
    expect(await queue.getStatus(id)).toMatchObject({ status: "failed", error: "no" });
    expect(failures).toEqual([{ id, error: "no" }]);
  });

  test("waits for the running jobs when it is stopped, and takes no other", async () => {
    const { handler, begun, finish } = lingering();
    const [one, two, waiting] = await scans("a", "b", "c");
    const loop = createLoop(handler, { jobs: 2 });
    await loop.start();
    await settle();
    const stopped = loop.stop(10_000);
    await settle();
    for (const job of [...begun]) await finish(job);
    expect(await stopped).toBe(true);
    for (const id of [one, two]) expect(await queue.getStatus(id ?? "")).toMatchObject({ status: "done" });
    expect(await queue.getStatus(waiting ?? "")).toMatchObject({ status: "queued" });
  });

  test("puts running jobs back that do not end in time, and says so", async () => {
    const { handler, begun, finish } = lingering();
    const [one, two, three] = await scans("a", "b", "c");
    const brokenOff: string[] = [];
    const loop = createLoop(handler, { onBrokenOff: async (job) => void brokenOff.push(job.id) });
    await loop.start();
    await settle();
    const stopped = loop.stop(10_000);
    await settle();
    await finish(begun[1] as Job);
    await clock.advance(10_000);
    expect(await stopped).toBe(false);
    expect(brokenOff).toEqual([one, three] as string[]);
    for (const job of [...begun]) await finish(job);
    for (const id of [one, three]) {
      expect(await queue.getStatus(id ?? "")).toMatchObject({ status: "queued", attempts: 0 });
    }
    expect(await queue.getStatus(two ?? "")).toMatchObject({ status: "done" });
  });
});
