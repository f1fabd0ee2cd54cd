/**
 * Makes workerd end with its host even when the host is killed, and can see to nothing: it would go on working, on the
 * same state as the next host, and keep its port. And tells the host when workerd has ended: Miniflare does not notice.
 */
import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** Becomes workerd, and leaves behind a process that looks after it. */
const SCRIPT = `#!/bin/sh
host=$PPID
(
  while kill -0 $host; do
    kill -0 $$ || { kill -USR2 $host; exit; }
    sleep 0.2
  done
  kill -9 $$
) < /dev/null > /dev/null 2>&1 3>&- &
exec "$OSSGARD_WORKERD" "$@"
`;

/**
 * Have Miniflare start workerd through the script, which is kept in a folder. Windows has no such scripts.
 *
 * @param onEnded called when a workerd has ended, for whatever reason.
 */
export function endWithHost(cache: string, onEnded: () => void): void {
  if (process.env.MINIFLARE_WORKERD_PATH || process.platform === "win32") return;
  process.on("SIGUSR2", onEnded);
  // Miniflare's own: another version may be there for wrangler.
  const require = createRequire(fileURLToPath(import.meta.resolve("miniflare")));
  process.env.OSSGARD_WORKERD = (require("workerd") as { default: string }).default;
  process.env.MINIFLARE_WORKERD_PATH = write(cache, "workerd.sh");
}

/** In one step: another host may be starting the same file. */
function write(folder: string, name: string): string {
  mkdirSync(folder, { recursive: true });
  const path = join(folder, name);
  const fresh = `${path}.${process.pid}`;
  writeFileSync(fresh, SCRIPT, { mode: 0o755 });
  renameSync(fresh, path);
  return path;
}
