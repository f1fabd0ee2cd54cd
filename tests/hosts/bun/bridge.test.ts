/** The functions that the core in Pyodide calls. */

import { beforeEach, describe, expect, test } from "bun:test";
import { callDatabase, createHostFunctions, type HostFunctions } from "../../../generated/local/src/bridge.ts";
import { LocalJobQueue } from "../../../generated/local/src/job-queue.ts";
import { loadPython } from "../../../generated/local/src/pyodide-host.ts";
import type { BunDatabase } from "../../../generated/local/src/spec/bun-database.ts";
import { VectorStores } from "../../../generated/local/src/vectors/vector-stores.ts";
import { ManualClock, memoryDatabase } from "./support.ts";

/** Milliseconds that starting Python may take on a busy machine. */
// Bounds for a machine that is busy with other tests, where Pyodide alone takes a minute to start.
const SLOW = 600_000;

describe("callDatabase", () => {
  let database: BunDatabase;

  beforeEach(() => {
    database = memoryDatabase().database;
  });

  const call = async (method: string, ...parameters: unknown[]) =>
    JSON.parse(await callDatabase(database, method, JSON.stringify(parameters)));

  test("answers with the method's result", async () => {
    const { ok } = await call("createAccount", "hash", "ünï", { github: { token: "t" } });
    expect(ok).toMatchObject({ id: 1, label: "ünï", config: { github: { token: "t" } } });
    expect(await call("getAccount", 1)).toEqual({ ok });
  });

  test("answers null when there is no row", async () => {
    expect(await call("getAccount", 7)).toEqual({ ok: null });
  });

  test("tells a broken constraint from other errors", async () => {
    await call("createAccount", "hash", null, {});
    expect(await call("createAccount", "hash", null, {})).toEqual({
      error: { kind: "constraint", message: "UNIQUE constraint failed: accounts.api_key_hash" },
    });
    expect(await call("createAccount", {}, null)).toMatchObject({ error: { kind: "constraint" } });
  });

  test("refuses what is no database method", async () => {
    expect(await call("dropEverything")).toEqual({
      error: { kind: "database", message: "there is no database method 'dropEverything'" },
    });
  });

  test("keeps nothing of a batch of which one write fails", async () => {
    const create = { method: "createAccount", parameters: ["hash", null, {}] };
    expect(await call("batch", [create, create])).toMatchObject({ error: { kind: "constraint" } });
    expect(await call("getAccountByApiKey", "hash")).toEqual({ ok: null });
  });
});

describe("HostFunctions", () => {
  let clock: ManualClock;
  let queue: LocalJobQueue;
  let functions: HostFunctions;

  beforeEach(() => {
    clock = new ManualClock();
    const { raw, database } = memoryDatabase();
    queue = new LocalJobQueue(database, clock);
    const vectors = new VectorStores(raw, () => {});
    functions = createHostFunctions({
      database,
      queue,
      vectors,
      clock,
      pollStarted: () => {},
      turnTo: () => {},
      writeLog: () => {},
    });
  });

  test("put a message into the queue, to be delivered after its delay", async () => {
    await functions.enqueue("later", "scan", '{"type":"scan","scanId":1,"step":1}', 30);
    await functions.enqueue("now", "scan", '{"type":"scan","scanId":2,"step":1}', 0);
    expect(await queue.dequeue()).toMatchObject({ id: "now", payload: { scanId: 2 } });
    expect(await queue.dequeue()).toBeNull();
    await clock.advance(30_000);
    expect(await queue.dequeue()).toMatchObject({ id: "later" });
  });

  test("tell the time of the host's clock", async () => {
    const before = functions.now();
    expect(before).toBe(Date.parse("2026-11-23T10:00:00.000Z"));
    await clock.advance(12_345);
    expect(functions.now()).toBe(before + 12_345);
  });

  test(
    "bring the time into Python, to the millisecond",
    async () => {
      const python = await loadPython();
      const { BunClock } = python.pyimport("bun_host.system");
      await clock.advance(123);
      expect(BunClock(functions).now().isoformat()).toBe("2026-11-23T10:00:00.123000+00:00");
    },
    SLOW,
  );
});

describe("loadPython", () => {
  test("says what to do when the Python packages are missing", async () => {
    const folders = { packages: "/nowhere", core: "/nowhere", host: "/nowhere" };
    await expect(loadPython(folders)).rejects.toThrow(
      "The Python packages are missing in /nowhere. Run `make setup`, then start again.",
    );
  });
});
