/** The functions that the core in Pyodide calls. */

import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import {
  callDatabase,
  createHostFunctions,
  type HostFunctions,
  sendRequest,
} from "../../generated/local/src/bridge.ts";
import type { BunDatabase } from "../../generated/local/src/bun-database.ts";
import { LocalJobQueue } from "../../generated/local/src/job-queue.ts";
import { PyodideHost } from "../../generated/local/src/pyodide-host.ts";
import { VectorStores } from "../../generated/local/src/vectors/vector-stores.ts";
import { ManualClock, memoryDatabase } from "./support.ts";

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

describe("enqueue", () => {
  test("puts a message into the queue, to be delivered after its delay", async () => {
    const clock = new ManualClock();
    const { raw, database } = memoryDatabase();
    const queue = new LocalJobQueue(database, clock);
    const vectors = new VectorStores(raw, () => {});
    const functions: HostFunctions = createHostFunctions(database, queue, vectors, clock, () => {});
    await functions.enqueue("later", "scan", '{"type":"scan","scanId":1,"step":1}', 30);
    await functions.enqueue("now", "scan", '{"type":"scan","scanId":2,"step":1}', 0);
    expect(await queue.dequeue()).toMatchObject({ id: "now", payload: { scanId: 2 } });
    expect(await queue.dequeue()).toBeNull();
    await clock.advance(30_000);
    expect(await queue.dequeue()).toMatchObject({ id: "later" });
  });
});

describe("sendRequest", () => {
  let server: Bun.Server<undefined>;

  beforeAll(() => {
    server = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      fetch: async (request) => {
        if (new URL(request.url).pathname === "/slow") await Bun.sleep(5_000);
        const seen = { method: request.method, headers: request.headers.toJSON(), body: await request.text() };
        return Response.json(seen, { status: 418, headers: { "X-Seen": "yes" } });
      },
    });
  });
  afterAll(() => server.stop(true));

  const send = (path: string, body?: Uint8Array, timeoutSeconds = 5) =>
    sendRequest("POST", `http://127.0.0.1:${server.port}${path}`, '{"X-Token":"t"}', body, timeoutSeconds);

  test("sends method, headers and body, and brings back status, headers and body", async () => {
    const answer = await send("/", new TextEncoder().encode("ünï"));
    expect(answer.status).toBe(418);
    expect(JSON.parse(answer.headersJson)).toMatchObject({ "x-seen": "yes" });
    const seen = JSON.parse(new TextDecoder().decode(answer.body));
    expect(seen).toMatchObject({ method: "POST", headers: { "x-token": "t" }, body: "ünï" });
  });

  test("gives up after the timeout", async () => {
    expect(await send("/slow", undefined, 0.1)).toMatchObject({
      status: 0,
      failure: "there was no answer within 0.1 seconds",
    });
  });

  test("says why there was no answer", async () => {
    const refused = await sendRequest("GET", "http://127.0.0.1:1/", "{}", undefined, 5);
    expect(refused).toMatchObject({ status: 0, failure: "the connection was refused" });
    const unknown = await sendRequest("GET", "http://no-such-host.invalid/", "{}", undefined, 5);
    expect(unknown).toMatchObject({ status: 0, failure: "the host name is unknown" });
  });

  test.each(["nonsense", "file:///etc/hosts", "data:text/plain,x", "s3://bucket/x"])(
    "asks nothing of %s",
    async (url) => {
      const answer = await sendRequest("GET", url, "{}", undefined, 5);
      expect(answer).toMatchObject({ status: 0, failure: "it is not an http or https address" });
    },
  );
});

describe("PyodideHost", () => {
  test("says what to do when the Python packages are missing", async () => {
    const { raw, database } = memoryDatabase();
    const vectors = new VectorStores(raw, () => {});
    const functions = createHostFunctions(database, new LocalJobQueue(database), vectors, new ManualClock(), () => {});
    const folders = { packages: "/nowhere", core: "/nowhere", host: "/nowhere" };
    await expect(PyodideHost.boot(functions, {}, folders)).rejects.toThrow(
      "The Python packages are missing in /nowhere. Run `make setup`, then start again.",
    );
  });
});
