/**
 * The local host as a program whose time tests move on. It prints its address, and that of its control interface:
 *
 *   GET /now                       the time: {"now": "2026-11-23T10:00:00.000Z"}
 *   POST /advance {"seconds": 10}  moves it on; the answer is the new time
 *
 * Besides the host's own variables it reads CLOCK_FILE, and CLOCK_STILL (see `timed-clock.ts`).
 */

import { readConfig } from "../../../generated/local/src/config.ts";
import { LocalHost } from "../../../generated/local/src/local-host.ts";
import { chooseSqlite } from "../../../generated/local/src/vectors/extension.ts";
import { TimedClock } from "./timed-clock.ts";

const clock = new TimedClock(process.env.CLOCK_FILE ?? "", process.env.CLOCK_STILL === "1");
const tellTime = () => Response.json({ now: clock.now() });

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
