/** Imports a data file and kills itself right after a step: `bun import-and-die.ts PATH STEP`. */

import { importOldFile } from "../../../generated/local/src/import.ts";

const [path = "", fatal] = process.argv.slice(2);
importOldFile(path, {
  now: new Date("2026-11-23T10:00:00.000Z"),
  onStep: (step) => {
    if (step === fatal) process.kill(process.pid, "SIGKILL");
  },
});
