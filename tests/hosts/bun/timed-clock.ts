/** A clock for tests of the whole host: it goes as time does, or stands still, and can be moved on. */

import { existsSync, readFileSync, writeFileSync } from "node:fs";
import type { Clock } from "../../../generated/local/src/clock.ts";

interface Sleeper {
  until: number;
  wake: () => void;
  timer?: Timer | undefined;
}

/** Kept in a file, since a host that is started again is not to find itself in the past. */
interface State {
  /** How far it is ahead of the real time, or of where it stands, in milliseconds. */
  ahead: number;
  /** Where it stands, in milliseconds since 1970; absent while it goes. */
  standsAt?: number;
}

/** Whoever sleeps is woken when the moment has come, by itself or because the clock was moved on. */
export class TimedClock implements Clock {
  readonly #file: string;
  readonly #sleepers = new Set<Sleeper>();
  #state: State;

  /**
   * @param file where its state is kept; made when there is none.
   * @param still whether time only passes when it is moved on.
   */
  constructor(file: string, still: boolean) {
    this.#file = file;
    this.#state = existsSync(file)
      ? (JSON.parse(readFileSync(file, "utf8")) as State)
      : { ahead: 0, ...(still ? { standsAt: Date.now() } : {}) };
    this.#save();
  }

  now(): Date {
    return new Date((this.#state.standsAt ?? Date.now()) + this.#state.ahead);
  }

  sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const sleeper: Sleeper = {
        until: this.now().getTime() + milliseconds,
        wake: () => {
          clearTimeout(sleeper.timer);
          this.#sleepers.delete(sleeper);
          signal?.removeEventListener("abort", sleeper.wake);
          resolve();
        },
      };
      this.#sleepers.add(sleeper);
      signal?.addEventListener("abort", sleeper.wake);
      this.#wait(sleeper);
    });
  }

  /** Moves the time on, and wakes who has slept long enough, the first ones first. */
  advance(milliseconds: number): void {
    this.#state.ahead += milliseconds;
    this.#save();
    this.#look();
  }

  /** Lets time pass, if it stood still, for the rest of this process. */
  go(): void {
    if (this.#state.standsAt === undefined) return;
    this.#state = { ahead: this.now().getTime() - Date.now() };
    this.#look();
  }

  #look(): void {
    for (const sleeper of [...this.#sleepers].sort((one, other) => one.until - other.until)) this.#wait(sleeper);
  }

  #wait(sleeper: Sleeper): void {
    clearTimeout(sleeper.timer);
    const left = sleeper.until - this.now().getTime();
    if (left <= 0) sleeper.wake();
    else if (this.#state.standsAt === undefined) sleeper.timer = setTimeout(sleeper.wake, left);
  }

  #save(): void {
    writeFileSync(this.#file, JSON.stringify(this.#state));
  }
}
