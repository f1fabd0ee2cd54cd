/** The job queue over a real SQLite table. */

import { beforeEach, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { secondsAfter } from "../../../generated/local/src/clock.ts";
import { openDatabase } from "../../../generated/local/src/database-file.ts";
import { LocalJobQueue } from "../../../generated/local/src/job-queue.ts";
import { BunDatabase } from "../../../generated/local/src/spec/bun-database.ts";
import { MAX_RETRIES } from "../../../generated/local/src/spec/settings.ts";
import { ManualClock, memoryDatabase, temporaryFolder } from "./support.ts";

describe("LocalJobQueue", () => {
  let clock: ManualClock;
  let queue: LocalJobQueue;

  beforeEach(() => {
    clock = new ManualClock();
    queue = new LocalJobQueue(memoryDatabase().database, clock);
  });

  test("hands out jobs in the order they came", async () => {
    const first = await queue.enqueue({ type: "scan", payload: { scanId: 1 } });
    const second = await queue.enqueue({ type: "scan", payload: { scanId: 2 } });
    expect((await queue.dequeue())?.id).toBe(first);
    expect((await queue.dequeue())?.id).toBe(second);
    expect(await queue.dequeue()).toBeNull();
  });

  test("keeps a job's payload and tells its status", async () => {
    const payload = { type: "scan", scanId: 7, note: "ünïcode ' \" %" };
    const id = await queue.enqueue({ type: "scan", payload });
    expect(await queue.getStatus(id)).toMatchObject({
      id,
      payload,
      status: "queued",
      attempts: 0,
      maxRetries: MAX_RETRIES,
    });
    expect(await queue.dequeue()).toMatchObject({ id, payload, status: "running", attempts: 1 });
    await queue.complete(id, { groups: 2 });
    expect(await queue.getStatus(id)).toMatchObject({ status: "done", result: { groups: 2 }, error: null });
  });

  test("knows nothing of an id that it never gave out", async () => {
    expect(await queue.getStatus("none")).toBeNull();
  });

  test("keeps the first of two jobs with one id", async () => {
    await queue.enqueue({ id: "same", type: "scan", payload: { scanId: 1 } });
    await queue.enqueue({ id: "same", type: "scan", payload: { scanId: 2 } });
    expect((await queue.dequeue())?.payload).toEqual({ scanId: 1 });
    expect(await queue.dequeue()).toBeNull();
  });

  test("holds a job back until it is due", async () => {
    const due = secondsAfter(clock.now(), 10);
    await queue.enqueue({ type: "scan", payload: {}, runAfter: due });
    expect(await queue.dequeue()).toBeNull();
    expect(await queue.nextDueAt()).toEqual(due);
    await clock.advance(10_000);
    expect(await queue.dequeue()).not.toBeNull();
    expect(await queue.nextDueAt()).toBeNull();
  });

  test("takes a job back after a failed attempt, with the error", async () => {
    const id = await queue.enqueue({ type: "scan", payload: {} });
    await queue.dequeue();
    await queue.retry(id, "no answer", secondsAfter(clock.now(), 1));
    expect(await queue.getStatus(id)).toMatchObject({ status: "queued", error: "no answer", attempts: 1 });
  });

  test("does not count the attempt of a paused job", async () => {
    const id = await queue.enqueue({ type: "scan", payload: {} });
    await queue.dequeue();
    await queue.pause(id, clock.now());
    expect(await queue.getStatus(id)).toMatchObject({ status: "queued", attempts: 0 });
  });

  test("never hands out a failed job again", async () => {
    const id = await queue.enqueue({ type: "scan", payload: {} });
    await queue.dequeue();
    await queue.fail(id, "for good");
    expect(await queue.getStatus(id)).toMatchObject({ status: "failed", error: "for good" });
    expect(await queue.dequeue()).toBeNull();
  });

  test("gives each job to one only of two processes on one file", async () => {
    const folder = temporaryFolder();
    const files = [0, 1].map(() => openDatabase(join(folder.path, "ossgard.db")));
    const [one, other] = files.map((file) => new LocalJobQueue(new BunDatabase(file), clock));
    for (let scanId = 0; scanId < 10; scanId++) await one?.enqueue({ type: "scan", payload: { scanId } });
    const claimed: (string | undefined)[] = [];
    for (let turn = 0; turn < 5; turn++) claimed.push((await one?.dequeue())?.id, (await other?.dequeue())?.id);
    expect(new Set(claimed).size).toBe(10);
    expect(await other?.dequeue()).toBeNull();
    for (const file of files) file.close();
    folder.remove();
  });

  test("puts interrupted jobs back, their attempts counted", async () => {
    const id = await queue.enqueue({ type: "scan", payload: {} });
    await queue.dequeue();
    expect(await queue.recoverRunningJobs()).toBe(1);
    expect(await queue.dequeue()).toMatchObject({ id, attempts: 2 });
  });
});
