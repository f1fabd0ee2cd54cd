/** What is still done when Python has ended inside this process: only what ended it is blamed, and the process ends, too. */

import type { Log } from "./log.ts";
import type { IDatabase, Job } from "./spec/types.ts";
import { failScan, takeStep } from "./spec/writes.ts";

// As `sysexits.h` says for an error of the software.
const EXIT_STATUS = 70;

/** Keeps what Python works on at any moment, and speaks when it has ended. */
export class LastWords {
  readonly #database: IDatabase;
  readonly #log: Log;
  readonly #end: (status: number) => void;
  #kind = "";
  #name = "";

  /** @param end ends the process. */
  constructor(database: IDatabase, log: Log, end: (status: number) => void = process.exit) {
    this.#database = database;
    this.#log = log;
    this.#end = end;
  }

  /** Told whenever Python turns to something else: a `job` by its payload, a `request`, a `poll`, or the `sweep`. */
  turnTo(kind: string, name: string): void {
    this.#kind = kind;
    this.#name = name;
  }

  /**
   * Fails the scan whose job ended Python, uncounts the attempts of the others, and ends the process.
   *
   * Nothing is awaited: calls of the database have done their work when they return, and no other code runs any more. What
   * another attempt has committed by now stays.
   */
  speak(error: Error, working: readonly Job[]): void {
    const reason = reasonOf(error);
    this.#log("error", `Python has ended while it worked on ${this.#kind} ${this.#name}: ${error.message}`);
    for (const job of working) {
      const isCulprit = this.#kind === "job" && JSON.stringify(job.payload) === this.#name;
      for (const done of isCulprit ? this.#fail(job, reason) : this.#excuse(job)) done.catch(() => {});
    }
    console.error(
      `ossgard ends: ${reason} while it worked on ${this.#kind || "nothing known"} ${this.#name}`.trimEnd() +
        ". Start it again: scans go on where they were.",
    );
    this.#end(EXIT_STATUS);
  }

  #fail(job: Job, reason: string): Promise<unknown>[] {
    const { scanId, step, type } = job.payload;
    const now = new Date().toISOString();
    const error =
      `The process ended while it worked on phase '${type}': ${reason}. Start the scan again; when that ends it again, ` +
      "report it";
    return [
      this.#database.batch([
        takeStep(Number(scanId), Number(step) + 1, null, now, null, null),
        failScan(Number(scanId), error, now),
      ]),
      this.#database.failJob(job.id, error),
    ];
  }

  #excuse(job: Job): Promise<unknown>[] {
    return [
      this.#database.excuseStep(Number(job.payload.scanId), Number(job.payload.step)),
      this.#database.pauseJob(job.id, new Date().toISOString()),
    ];
  }
}

function reasonOf({ name, message }: Error): string {
  if (name === "RangeError" || message.includes("call stack")) return "Python ran out of stack";
  return message.includes("memory") ? "Python ran out of memory" : "Python broke down";
}
