/** The batch poller, over a real table, with a clock that is moved by hand and polls that only write down when they were. */

import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { BatchPoller, type Poll } from "../../../generated/local/src/batch-poller.ts";
import type { BunDatabase } from "../../../generated/local/src/spec/bun-database.ts";
import { ManualClock, memoryDatabase, settle } from "./support.ts";

const EMBED = "scan-1-embed";
const VERIFY = "scan-2-verify";

describe("BatchPoller", () => {
  let clock: ManualClock;
  let database: BunDatabase;
  let pollers: BatchPoller[];
  let log: string[];
  /** The polls so far: the name, and the seconds since the test began. */
  let polls: [name: string, seconds: number][];
  let began: number;

  const seconds = () => (clock.now().getTime() - began) / 1000;
  const after = (wait: number) => new Date(clock.now().getTime() + wait * 1000).toISOString();
  const secondsOf = (name: string) => polls.filter((poll) => poll[0] === name).map((poll) => poll[1]);

  function createPoller(table: Pick<BunDatabase, "listBatchPolls"> = database): BatchPoller {
    const poller = new BatchPoller(table, { clock, log: (level, message) => log.push(`${level}: ${message}`) });
    pollers.push(poller);
    return poller;
  }

  /** What the core does first when it is to poll, and what it leaves when it is told no more. */
  async function moveOn(name: string, wait = 10): Promise<void> {
    const poll = await database.getBatchPoll(name);
    if (poll) await database.saveBatchPoll(name, poll.batchId, poll.step, poll.polls + 1, 0, 0, false, after(wait));
  }

  const write: Poll = async (name) => {
    polls.push([name, seconds()]);
    await moveOn(name);
  };

  const add = (name: string, wait: number) => database.startBatchPoll(name, "batch", 1, 1, "embed", after(wait));

  beforeEach(() => {
    clock = new ManualClock();
    began = clock.now().getTime();
    database = memoryDatabase().database;
    pollers = [];
    polls = [];
    log = [];
  });

  afterEach(async () => {
    for (const poller of pollers) {
      const stopped = poller.stop(0);
      await clock.advance(0);
      await stopped;
    }
  });

  test("polls exactly when the table says", async () => {
    const waits = [15, 22.5, 33.75];
    await add(EMBED, 10);
    createPoller().start(async (name) => {
      polls.push([name, seconds()]);
      await moveOn(name, waits.shift() ?? 120);
    });
    await clock.advance(400_000);
    expect(secondsOf(EMBED)).toEqual([10, 25, 47.5, 81.25, 201.25, 321.25]);
  });

  test("polls one that is started while it sleeps until another", async () => {
    await add(EMBED, 50);
    const poller = createPoller();
    poller.start(write);
    await clock.advance(5_000);
    await add(VERIFY, 10);
    poller.wake();
    await clock.advance(46_000);
    expect(polls).toEqual([
      [VERIFY, 15],
      [VERIFY, 25],
      [VERIFY, 35],
      [VERIFY, 45],
      [EMBED, 50],
    ]);
  });

  test("polls no more what is gone", async () => {
    await add(EMBED, 10);
    createPoller().start(async (name) => {
      await write(name);
      if (polls.length === 2) await database.deleteBatchPoll(name, "batch", 1);
    });
    await clock.advance(300_000);
    expect(secondsOf(EMBED)).toEqual([10, 20]);
  });

  test("looks at the time at least once a minute, however far the next poll is", async () => {
    const poller = createPoller();
    poller.start(write);
    await settle();
    expect(clock.nextWake).toBe(60_000);
    await add(EMBED, 40 * 24 * 3600);
    poller.wake();
    await settle();
    expect(clock.nextWake).toBe(60_000);
    // 57,600 looks, which take seconds where much else runs.
    await clock.advance(40 * 24 * 3_600_000);
    expect(secondsOf(EMBED)).toEqual([40 * 24 * 3600]);
  }, 60_000);

  test("polls at once what came due while no process ran", async () => {
    await add(EMBED, 10);
    const killed = createPoller();
    killed.start(write);
    await clock.advance(15_000);
    await killed.stop();
    await clock.advance(100_000);
    createPoller().start(write);
    await settle();
    expect(secondsOf(EMBED)).toEqual([10, 115]);
  });

  test("does not let one that hangs delay the others", async () => {
    await add(EMBED, 10);
    await add(VERIFY, 12);
    createPoller().start(async (name) => {
      await write(name);
      if (name === EMBED) await new Promise(() => {});
    });
    await clock.advance(35_000);
    expect(secondsOf(EMBED)).toEqual([10]);
    expect(secondsOf(VERIFY)).toEqual([12, 22, 32]);
  });

  test("never polls a name while it is being polled, and goes on afterwards", async () => {
    let finish = () => {};
    await add(EMBED, 10);
    const poller = createPoller();
    poller.start(async (name) => {
      await write(name);
      if (polls.length === 1) await new Promise<void>((resolve) => (finish = resolve));
    });
    await clock.advance(55_000);
    poller.wake();
    await settle();
    expect(secondsOf(EMBED)).toEqual([10]);
    finish();
    await clock.advance(10_000);
    expect(secondsOf(EMBED)).toEqual([10, 55, 65]);
  });

  test("goes on after a poll that raised an error", async () => {
    await add(EMBED, 10);
    createPoller().start(async (name) => {
      await write(name);
      throw new Error("no more memory");
    });
    await clock.advance(30_000);
    expect(secondsOf(EMBED)).toEqual([10, 20, 30]);
    expect(log[0]).toBe("error: batch poller: scan-1-embed: no more memory");
  });

  test("rests for five seconds when a poll could not set the next one, even when it is woken", async () => {
    await add(EMBED, 10);
    await add(VERIFY, 11);
    const poller = createPoller();
    poller.start(async (name) => {
      polls.push([name, seconds()]);
      if (name === VERIFY || polls.length > 2) await moveOn(name);
      else throw new Error("database is locked");
    });
    await clock.advance(12_000);
    poller.wake();
    await clock.advance(14_000);
    expect(secondsOf(EMBED)).toEqual([10, 15, 25]);
    expect(secondsOf(VERIFY)).toEqual([11, 21]);
  });

  test("goes on when the table could not be read", async () => {
    await add(EMBED, 2);
    let looks = 0;
    createPoller({
      async listBatchPolls(limit) {
        looks++;
        if (looks < 3) throw new Error("database is locked");
        return database.listBatchPolls(limit);
      },
    }).start(write);
    await clock.advance(25_000);
    expect(secondsOf(EMBED)).toEqual([10, 20]);
    expect(log).toEqual(Array(2).fill("error: batch poller: database is locked"));
  });

  test("waits for the polls under way when it is stopped, and begins no other", async () => {
    let finish = () => {};
    await add(EMBED, 10);
    await add(VERIFY, 12);
    const poller = createPoller();
    poller.start(async (name) => {
      await write(name);
      await new Promise<void>((resolve) => (finish = resolve));
    });
    await clock.advance(10_000);
    const stopped = poller.stop(10_000);
    await clock.advance(5_000);
    finish();
    expect(await stopped).toBe(true);
    await clock.advance(60_000);
    expect(polls).toEqual([[EMBED, 10]]);
  });

  test("does not wait for ever when it is stopped", async () => {
    await add(EMBED, 10);
    const poller = createPoller();
    poller.start(() => new Promise(() => {}));
    await clock.advance(10_000);
    const stopped = poller.stop(5_000);
    await clock.advance(5_000);
    expect(await stopped).toBe(false);
  });
});
