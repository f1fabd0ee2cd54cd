/** What is particular about vectors in the host's own SQLite file; tests/hosts/vectors compares all vector stores. */

import type { Database } from "bun:sqlite";
import { afterAll, afterEach, beforeEach, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { openDatabase } from "../../../generated/local/src/database-file.ts";
import { StartError } from "../../../generated/local/src/errors.ts";
import { callVectors } from "../../../generated/local/src/vector-bridge.ts";
import { DimensionMismatch, UnsupportedDimensions } from "../../../generated/local/src/vectors/errors.ts";
import { chooseSqlite, loadVectorExtension } from "../../../generated/local/src/vectors/extension.ts";
import { uuidOf } from "../../../generated/local/src/vectors/qdrant-store.ts";
import { SqliteVecStore } from "../../../generated/local/src/vectors/sqlite-vec-store.ts";
import type { VectorPoint } from "../../../generated/local/src/vectors/store.ts";
import { VectorStores } from "../../../generated/local/src/vectors/vector-stores.ts";
import { memoryDatabase, rows, temporaryFolder } from "./support.ts";

const CODE = "ossgard-code";

function point(prNumber: number, ...values: number[]): VectorPoint {
  return { id: `1-${prNumber}-code`, values: new Float32Array(values), repoId: 1, prNumber, prId: prNumber + 100 };
}

describe("SqliteVecStore", () => {
  let raw: Database;
  let warnings: string[];
  let store: SqliteVecStore;

  beforeEach(() => {
    ({ raw } = memoryDatabase());
    warnings = [];
    store = new SqliteVecStore(raw, (message) => warnings.push(message));
  });

  afterEach(() => raw.close());

  test("keeps nothing of a call of which one point does not fit", async () => {
    await store.ensureCollection(CODE, 2);
    await expect(store.upsert(CODE, [point(1, 1, 0), point(2, 1)])).rejects.toThrow(
      new DimensionMismatch(CODE, 2, 1, "the vector of 1-2-code"),
    );
    expect(await store.getVectors(CODE, ["1-1-code"])).toEqual(new Map());
  });

  test("keeps nothing of a call in which SQLite fails", async () => {
    await store.ensureCollection(CODE, 2);
    await expect(store.upsert(CODE, [point(1, 1, 0), { ...point(2, 0, 1), repoId: 0.5 }])).rejects.toThrow();
    expect(await store.getVectors(CODE, ["1-1-code"])).toEqual(new Map());
  });

  test("gives blocks back when their last point is deleted, and reuses them for points that are replaced", async () => {
    await store.ensureCollection(CODE, 2);
    const points = Array.from({ length: 640 }, (_, index) => point(index, 1, index));
    for (let round = 0; round < 3; round++) await store.upsert(CODE, points);
    expect(rows(raw, "SELECT count(*) AS blocks FROM vectors_ossgard_code_chunks")).toEqual([{ blocks: 10 }]);
    await store.delete(
      CODE,
      points.map(({ id }) => id),
    );
    expect(rows(raw, "SELECT count(*) AS blocks FROM vectors_ossgard_code_chunks")).toEqual([{ blocks: 0 }]);
  });

  test("warns when it drops vectors of other dimensions", async () => {
    await store.ensureCollection(CODE, 2);
    await store.ensureCollection(CODE, 3);
    expect(warnings).toEqual([
      "the vector collection ossgard-code is made anew, since embeddings have 3 dimensions now, not 2: " +
        "its vectors are dropped",
    ]);
  });

  test.each([0, 1.5, 8193])("refuses %p dimensions", async (dimensions) => {
    await expect(store.ensureCollection(CODE, dimensions)).rejects.toThrow(new UnsupportedDimensions(dimensions, 8192));
  });

  test.each(["", "Ossgard", 'a"; DROP TABLE prs; --', "a_b"])("takes %p for no collection", async (name) => {
    await expect(store.ensureCollection(name, 2)).rejects.toThrow(`'${name}' is not the name of a collection`);
  });
});

describe("a file with vectors", () => {
  const folder = temporaryFolder();
  afterAll(folder.remove);

  test("keeps them when it is opened again, and other connections read it meanwhile", async () => {
    const path = join(folder.path, "ossgard.db");
    const first = openDatabase(path);
    const writer = new SqliteVecStore(first, () => {});
    await writer.ensureCollection(CODE, 2);
    await writer.upsert(CODE, [point(1, 1, 0), point(2, 0, 1)]);
    const second = openDatabase(path);
    const reader = new SqliteVecStore(second, () => {});
    expect(await reader.searchById(CODE, "1-1-code", 1, 5)).toMatchObject([{ prNumber: 2 }]);
    await writer.upsert(CODE, [point(3, 1, 0)]);
    expect(await reader.searchById(CODE, "1-1-code", 1, 5)).toMatchObject([{ prNumber: 3 }, { prNumber: 2 }]);
    first.close();
    second.close();
    // Who does not know the extension can still use everything else.
    const third = openDatabase(path);
    expect(rows(third, "SELECT count(*) AS repos FROM repos")).toEqual([{ repos: 0 }]);
    third.close();
  });
});

describe("loadVectorExtension", () => {
  const refusing = {
    loadExtension() {
      throw new Error("this SQLite loads no extensions");
    },
  } as unknown as Database;

  test("says what to install on macOS", () => {
    expect(() => loadVectorExtension(refusing, "darwin")).toThrow(
      /sqlite-vec cannot be loaded: this SQLite loads no extensions\. Install SQLite with `brew install sqlite`.*Qdrant/,
    );
  });

  test("says what to do elsewhere", () => {
    expect(() => loadVectorExtension(refusing, "linux")).toThrow(/Run `make setup` .*Qdrant/);
  });
});

describe("chooseSqlite", () => {
  test("refuses a library that is not there", () => {
    expect(() => chooseSqlite("/nowhere/libsqlite3.dylib")).toThrow(
      new StartError("SQLITE_LIBRARY names /nowhere/libsqlite3.dylib, but there is no such file."),
    );
  });

  test("leaves Bun's own where nothing else is asked for", () => {
    chooseSqlite(undefined, "linux");
    memoryDatabase().raw.close();
  });
});

describe("VectorStores", () => {
  test("gives each server and key one store, and the SQLite file to who names none", () => {
    const stores = new VectorStores(memoryDatabase().raw, () => {});
    const server = { url: "http://127.0.0.1:6333", api_key: "one" };
    expect(stores.get(server)).toBe(stores.get({ ...server }));
    expect(stores.get(server)).not.toBe(stores.get({ ...server, api_key: "two" }));
    expect(stores.get(null)).toBe(stores.get(null));
    expect(stores.get(null)).toBeInstanceOf(SqliteVecStore);
  });
});

describe("callVectors", () => {
  const stores = new VectorStores(memoryDatabase().raw, () => {});
  const call = async (method: string, ...parameters: unknown[]) =>
    JSON.parse(await callVectors(stores, "null", method, JSON.stringify(parameters)));
  const encode = (...values: number[]) => new Uint8Array(new Float32Array(values).buffer).toBase64();

  test("takes and gives vectors as base64 of 32-bit floats", async () => {
    expect(await call("dimensions", CODE)).toEqual({ ok: null });
    expect(await call("ensureCollection", CODE, 2)).toEqual({ ok: false });
    expect(await call("dimensions", CODE)).toEqual({ ok: 2 });
    const sent = { ...point(1), values: encode(0.5, -1) };
    expect(await call("upsert", CODE, [sent])).toEqual({ ok: null });
    expect(await call("getVectors", CODE, [sent.id])).toEqual({ ok: { [sent.id]: encode(0.5, -1) } });
    expect(await call("search", CODE, encode(1, -2), 1, 5)).toMatchObject({ ok: [{ id: sent.id, prId: 101 }] });
  });

  test("tells what trying again does not cure from other errors", async () => {
    await call("ensureCollection", CODE, 2);
    expect(await call("search", CODE, encode(1), 1, 5)).toMatchObject({ error: { kind: "vectors" } });
    expect(await call("constructor")).toEqual({
      error: { kind: "database", message: "there is no vector method 'constructor'" },
    });
  });
});

test("Qdrant's ids are MD5 sums written as UUIDs", () => {
  expect(uuidOf("1-7-code")).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
  expect(uuidOf("")).toBe("d41d8cd9-8f00-b204-e980-0998ecf8427e");
});
