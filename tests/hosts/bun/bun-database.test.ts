/** The generated database over `bun:sqlite`, where it differs in kind from its siblings; tests/hosts/database compares them all. */

import type { Database } from "bun:sqlite";
import { beforeEach, describe, expect, test } from "bun:test";
import { ConstraintError } from "../../../generated/local/src/errors.ts";
import type { BunDatabase } from "../../../generated/local/src/spec/bun-database.ts";
import { createAccount, takeStep } from "../../../generated/local/src/spec/writes.ts";
import { memoryDatabase, rows } from "./support.ts";

describe("BunDatabase", () => {
  let database: BunDatabase;
  let raw: Database;
  let accountId: number;

  beforeEach(async () => {
    ({ database, raw } = memoryDatabase());
    accountId = (await database.createAccount("hash", null, { scan: { concurrency: 2 } })).id;
  });

  test("gives rows as entities, JSON columns parsed", async () => {
    expect(await database.getAccount(accountId)).toMatchObject({ id: accountId, config: { scan: { concurrency: 2 } } });
  });

  test("tells an absent field of a patch from null", async () => {
    await database.updateAccountConfig(accountId, {}, { label: "named" });
    await database.updateAccountConfig(accountId, {}, {});
    expect(await database.getAccount(accountId)).toMatchObject({ label: "named" });
    await database.updateAccountConfig(accountId, {}, { label: null });
    expect(await database.getAccount(accountId)).toMatchObject({ label: null });
  });

  test("counts the rows that a deletion names, not those that go with them", async () => {
    const repo = await database.insertRepo(accountId, "acme", "app");
    await database.createScan(accountId, repo?.id ?? 0);
    expect(await database.deleteRepo(accountId, repo?.id ?? 0)).toBe(1);
    expect(rows(raw, "SELECT id FROM scans")).toEqual([]);
  });

  test("commits a batch as a whole or not at all", async () => {
    const batch = [createAccount("other", null, {}), takeStep(99, 2, "ingest", "2026-11-23T10:00:00.000Z", null, null)];
    await expect(database.batch(batch)).rejects.toThrow(
      new ConstraintError("NOT NULL constraint failed: scan_steps.scan_id"),
    );
    expect(await database.getAccountByApiKey("other")).toBeNull();
  });

  test("finds nothing under an id that no number can hold", async () => {
    expect(await database.getRepo(accountId, 2 ** 60)).toBeNull();
  });
});
