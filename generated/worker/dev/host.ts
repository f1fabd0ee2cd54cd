/**
 * Runs the Worker offline, in the real workerd: `bun dev/host.ts`.
 *
 * D1, the vectors and the Durable Objects live in a folder and outlast a restart. Queues do not in Miniflare, but their
 * messages do: each lies in the database's outbox, and the schedule sends it again after the next start.
 *
 * Environment: PORT (8787; 0 is any free port), OSSGARD_STATE (the folder), OSSGARD_CONTROL_PORT (see control.ts),
 * OSSGARD_VECTORIZE_DELAY_MS (2000; how long vectors take to show), and the Worker's variables.
 */
import { createConnection } from "node:net";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { Log, LogLevel, Miniflare, type MiniflareOptions, type RemoteProxyConnectionString } from "miniflare";
import { serveBackstage } from "./backstage.ts";
import { bytecode } from "./bytecode.ts";
import { serveControl } from "./control.ts";
import { prepareDatabase } from "./database.ts";
import { Invocations } from "./invocations.ts";
import { MODULES_ROOT, workerModules } from "./modules.ts";
import { readHost, readSettings } from "./settings.ts";
import { Vectorize } from "./vectorize/vectorize.ts";
import { endWithHost } from "./workerd.ts";

const WORKER = fileURLToPath(new URL("..", import.meta.url));
/** The shim needs no feature of a later date; this one is the newest that the pinned workerd knows. */
const COMPATIBILITY_DATE = "2026-07-30";
/** The flags that let Pyodide compile its WebAssembly helpers. */
const COMPATIBILITY_FLAGS = ["experimental", "allow_insecure_inefficient_logged_eval"];
/** How often the scheduled handler runs: more often than deployed, since people wait for it. */
const SCHEDULE_MILLISECONDS = 60_000;

async function main(): Promise<void> {
  const settings = readSettings(process.env);
  const host = readHost(process.env, WORKER);
  const cache = join(WORKER, ".wrangler", "cache");
  let restart: (() => Promise<void>) | undefined;
  endWithHost(cache, () => void restart?.());
  const databases = join(host.state, "d1");
  const applied = await prepareDatabase(settings, databases);
  const compiled = bytecode(join(WORKER, "python_modules"), cache);
  const vectorize = new Vectorize(settings.vectorize, join(host.state, "vectorize"), host.vectorizeDelay);
  const invocations = new Invocations(settings.limits);
  const backstage = serveBackstage(vectorize, invocations);
  const options: MiniflareOptions = {
    name: settings.name,
    host: "127.0.0.1",
    port: host.port,
    modulesRoot: MODULES_ROOT,
    modules: workerModules(WORKER, Object.values(settings.durableObjects), compiled),
    compatibilityDate: COMPATIBILITY_DATE,
    compatibilityFlags: COMPATIBILITY_FLAGS,
    d1Databases: { [settings.d1.binding]: settings.d1.database },
    d1Persist: databases,
    vectorize: Object.fromEntries(
      Object.entries(settings.vectorize).map(([binding, { index }]) => [
        binding,
        { index_name: index, remoteProxyConnectionString: remoteProxy(`http://${backstage}`) },
      ]),
    ),
    queueProducers: settings.producers,
    queueConsumers: settings.consumers,
    durableObjects: Object.fromEntries(
      Object.entries(settings.durableObjects).map(([binding, className]) => [binding, { className, useSQLite: true }]),
    ),
    durableObjectsPersist: join(host.state, "durable-objects"),
    bindings: settings.variables,
    // The shim's own, hidden from the Worker.
    serviceBindings: { OSSGARD_INVOCATIONS: { external: { address: backstage, http: {} } } },
    cf: false,
    log: new Log(LogLevel.WARN),
  };
  const miniflare = new Miniflare(options);
  const stop = async () => {
    restart = undefined;
    await miniflare.dispose();
    process.exit(0);
  };
  process.once("SIGINT", stop);
  process.once("SIGTERM", stop);

  const url = await miniflare.ready.catch((error: Error) => {
    // workerd has told on stderr what is wrong with the Worker, and Miniflare's message repeats it.
    console.error(`The Worker did not start: ${error.message.split("\n")[0]}`);
    process.exit(1);
  });
  if (host.controlPort !== undefined) {
    console.log(
      `Control interface on http://127.0.0.1:${serveControl({ miniflare, settings, vectorize, invocations }, host.controlPort)}`,
    );
  } else {
    const worker = await miniflare.getWorker();
    const schedule = () => worker.scheduled({}).catch(console.error);
    setInterval(schedule, SCHEDULE_MILLISECONDS);
    void schedule();
  }
  // As Cloudflare gives the next event a new isolate. What lay in the queues is sent again by the schedule.
  const startAgain = async () => {
    restart = undefined;
    // We are told of the ends that we bring about ourselves, too.
    while (!(await isListening(url))) {
      console.error("workerd has ended. It is started again.");
      await prepareDatabase(settings, databases);
      await miniflare.setOptions(options);
    }
    restart = startAgain;
  };
  restart = startAgain;
  console.log(describe(url.origin, settings.d1.database, host.state, applied));
}

/** Miniflare's type is that of a session with Cloudflare; what it uses is the address. */
function remoteProxy(url: string): RemoteProxyConnectionString {
  return new URL(url) as RemoteProxyConnectionString;
}

/** Whether something takes connections at an address. */
async function isListening({ hostname, port }: URL): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = createConnection({ host: hostname, port: Number(port) });
  socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
  return await promise.finally(() => socket.destroy());
}

function describe(origin: string, database: string, state: string, applied: string[]): string {
  const account = {
    config: {
      github: { token: "<GitHub token>" },
      llm: { provider: "anthropic", url: "https://api.anthropic.com", model: "<model>", api_key: "<key>" },
      embedding: {
        provider: "openai",
        url: "https://api.openai.com/v1",
        model: "text-embedding-3-small",
        api_key: "<key>",
      },
    },
  };
  return [
    `Database: D1 '${database}' in ${relative(process.cwd(), state) || "."}${applied.length > 0 ? `, migrated: ${applied.join(", ")}` : ""}`,
    "Register an account:",
    `  curl -X POST ${origin}/accounts -H 'Content-Type: application/json' -d '${JSON.stringify(account)}'`,
    `Listening on ${origin}`,
  ].join("\n");
}

await main().catch((error: Error) => {
  console.error(error.message);
  process.exit(1);
});
