/**
 * The local host as a program whose time tests move on, and whose disk they fill. It prints its address, and that of its
 * control interface:
 *
 *   GET /now                       the time: {"now": "2026-11-23T10:00:00.000Z"}
 *   POST /advance {"seconds": 10}  moves it on; the answer is the new time
 *   POST /disk {"isFull": true}    keeps SQLite from making the file larger; with false there is room again
 *
 * Besides the host's own variables it reads CLOCK_FILE, and CLOCK_STILL (see `timed-clock.ts`).
 */

import { Database } from "bun:sqlite";
import { readConfig } from "../../../generated/local/src/config.ts";
import { LocalHost } from "../../../generated/local/src/local-host.ts";
import { chooseSqlite } from "../../../generated/local/src/vectors/extension.ts";
import { TimedClock } from "./timed-clock.ts";

const clock = new TimedClock(process.env.CLOCK_FILE ?? "", process.env.CLOCK_STILL === "1");
const tellTime = () => Response.json({ now: clock.now() });

// The most pages that SQLite can have.
const BOUNDLESS = 4_294_967_294;

// The limit is one of a connection, so it takes the host's own: the one that chooses the journal.
let database: Database | undefined;
const run = Database.prototype.run;
Database.prototype.run = function (this: Database, ...statement) {
  if (statement[0].includes("journal_mode")) database = this;
  return run.apply(this, statement);
};

const control = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  routes: {
    "/now": { GET: tellTime },
    "/advance": {
      POST: async (request) => {
        const { seconds } = (await request.json()) as { seconds: number };
        clock.advance(Math.max(0, Math.round(seconds * 1000)));
        return tellTime();
      },
    },
    "/disk": {
      POST: async (request) => {
        const { isFull } = (await request.json()) as { isFull: boolean };
        // Never below the present size.
        database?.run(`PRAGMA max_page_count = ${isFull ? 1 : BOUNDLESS}`);
        return Response.json({ isFull });
      },
    },
  },
});

chooseSqlite(process.env.SQLITE_LIBRARY);
const host = await LocalHost.start(readConfig(process.env), console.log, console.error, clock);
process.on("SIGTERM", async () => {
  // What is still at work when time stands still would never be given up.
  clock.go();
  await host.stop();
  process.exit(0);
});
console.log(`Control interface on http://127.0.0.1:${control.port}`);
console.log(`ossgard listens on ${host.url}`);
