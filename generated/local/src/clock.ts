/** Time as the local host sees it: everything that reads a clock or waits is given one, so that tests need not wait. */

export interface Clock {
  now(): Date;
  /** Waits, and ends early, without an error, once the signal is aborted. */
  sleep(milliseconds: number, signal?: AbortSignal): Promise<void>;
}

/** The computer's own clock. */
export const systemClock: Clock = {
  now: () => new Date(),
  sleep(milliseconds, signal) {
    if (signal?.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const end = () => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", end);
        resolve();
      };
      const timer = setTimeout(end, milliseconds);
      signal?.addEventListener("abort", end);
    });
  },
};

/** A moment some seconds after another. */
export function secondsAfter(moment: Date, seconds: number): Date {
  return new Date(moment.getTime() + seconds * 1000);
}
