/** What the tests of the local host share: a clock that is moved by hand, folders that go away, databases in memory. */

import type { Database } from "bun:sqlite";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Clock } from "../../../generated/local/src/clock.ts";
import { openDatabase } from "../../../generated/local/src/database-file.ts";
import { BunDatabase } from "../../../generated/local/src/spec/bun-database.ts";
import { chooseSqlite } from "../../../generated/local/src/vectors/extension.ts";

chooseSqlite(process.env.SQLITE_LIBRARY);

/** A clock that stands still until it is moved; who sleeps is woken when its time has come. */
export class ManualClock implements Clock {
  #now = new Date("2026-11-23T10:00:00.000Z").getTime();
  readonly #sleepers = new Set<{ until: number; wake: () => void }>();

  now(): Date {
    return new Date(this.#now);
  }

  sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted || milliseconds <= 0) return Promise.resolve();
    return new Promise((resolve) => {
      const sleeper = {
        until: this.#now + milliseconds,
        wake: () => {
          this.#sleepers.delete(sleeper);
          resolve();
        },
      };
      this.#sleepers.add(sleeper);
      signal?.addEventListener("abort", sleeper.wake);
    });
  }

  /** Lets time pass, waking sleepers in turn, each as soon as it is due. */
  async advance(milliseconds: number): Promise<void> {
    const end = this.#now + milliseconds;
    await settle();
    for (;;) {
      const [next] = [...this.#sleepers].sort((one, other) => one.until - other.until);
      if (!next || next.until > end) break;
      this.#now = Math.max(this.#now, next.until);
      next.wake();
      await settle();
    }
    this.#now = end;
  }

  /** How long the one who wakes first still sleeps, in milliseconds. */
  get nextWake(): number | undefined {
    const [next] = [...this.#sleepers].sort((one, other) => one.until - other.until);
    return next && next.until - this.#now;
  }
}

/** Lets everything go on that waits for nothing but its turn. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
}

/** A new folder, and the function that removes it. */
export function temporaryFolder(): { path: string; remove: () => void } {
  const path = mkdtempSync(join(tmpdir(), "ossgard-"));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

/** An empty database of the present shape, in memory. */
export function memoryDatabase(): { raw: Database; database: BunDatabase } {
  const raw = openDatabase(":memory:");
  return { raw, database: new BunDatabase(raw) };
}

/** All rows of a query. */
export function rows<Row = Record<string, unknown>>(database: Database, sql: string): Row[] {
  return database.query<Row, []>(sql).all();
}
