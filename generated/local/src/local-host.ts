/** The local host as a whole: HTTP server, database, worker loop, poller and core, started and stopped together. */

import type { Database } from "bun:sqlite";
import { BatchPoller } from "./batch-poller.ts";
import { createHostFunctions } from "./bridge.ts";
import { type Clock, systemClock } from "./clock.ts";
import type { Config } from "./config.ts";
import { openDatabase } from "./database-file.ts";
import { messageOf, StartError } from "./errors.ts";
import { LocalJobQueue } from "./job-queue.ts";
import { LastWords } from "./last-words.ts";
import { createLog, type Log } from "./log.ts";
import { PyodideHost } from "./pyodide-host.ts";
import { BunDatabase } from "./spec/bun-database.ts";
import { ERROR_STATUSES, type ErrorCode } from "./spec/error-codes.ts";
import type { Job } from "./spec/types.ts";
import { VectorStores } from "./vectors/vector-stores.ts";
import { WorkerLoop } from "./worker-loop.ts";

const SWEEP_MILLISECONDS = 60_000;
// The core asks other services while a request waits.
const IDLE_SECONDS = 120;
// Process managers wait ten seconds or so before they kill.
const STOP_MILLISECONDS = 5_000;

type Server = Bun.Server<undefined>;

/** A running host. */
export class LocalHost {
  readonly #server: Server;
  readonly #database: Database;
  readonly #loop: WorkerLoop;
  readonly #poller: BatchPoller;
  readonly #sweeping: AbortController;

  private constructor(
    server: Server,
    database: Database,
    loop: WorkerLoop,
    poller: BatchPoller,
    sweeping: AbortController,
  ) {
    this.#server = server;
    this.#database = database;
    this.#loop = loop;
    this.#poller = poller;
    this.#sweeping = sweeping;
  }

  /** The address for people and clients on this machine. */
  get url(): string {
    const { hostname, port } = this.#server;
    const everywhere = hostname === "0.0.0.0" || hostname === "::";
    return `http://${everywhere ? "127.0.0.1" : hostname?.includes(":") ? `[${hostname}]` : hostname}:${port}`;
  }

  /**
   * Starts everything; raises `StartError` when it cannot be.
   *
   * The port is taken first, and so the database is touched by one host only. Requests wait until the core has started.
   *
   * @param tell told, in plain words, what was done to the database.
   * @param writeLog takes the log's lines.
   */
  static async start(
    config: Config,
    tell: (line: string) => void,
    writeLog: (line: string) => void,
    clock: Clock = systemClock,
  ): Promise<LocalHost> {
    const log = createLog(config.logLevel, config.variables.ENVIRONMENT, writeLog);
    const core = Promise.withResolvers<PyodideHost>();
    core.promise.catch(() => {});
    const server = serve(config, core.promise, log);
    try {
      const raw = openDatabase(config.databasePath, { now: clock.now(), tell });
      const database = new BunDatabase(raw);
      const queue = new LocalJobQueue(database, clock);
      const vectors = new VectorStores(raw, (message) => log("warning", message));
      const poller = new BatchPoller(database, { clock, log });
      const pollStarted = () => poller.wake();
      const words = new LastWords(database, log);
      const turnTo = words.turnTo.bind(words);
      const functions = createHostFunctions({ database, queue, vectors, clock, pollStarted, turnTo, writeLog });
      const variables = { ...config.variables, LOG_LEVEL: config.logLevel };
      const host = await PyodideHost.boot(functions, variables, (error) => words.speak(error, loop.working));
      for (const line of await host.mendAccounts()) tell(line);
      const loop: WorkerLoop = new WorkerLoop(queue, host.handleJob.bind(host), {
        clock,
        log,
        onGivenUp: host.jobFailed.bind(host),
        onBrokenOff: (job) => excuse(database, job),
      });
      await loop.start();
      poller.start(host.poll.bind(host));
      core.resolve(host);
      const sweeping = new AbortController();
      void sweepRegularly(host, clock, log, sweeping.signal);
      return new LocalHost(server, raw, loop, poller, sweeping);
    } catch (error) {
      core.reject(error);
      await server.stop(true);
      throw error;
    }
  }

  /** Takes no more requests, jobs or polls, finishes the present ones within a bound, and closes the database. */
  async stop(milliseconds = STOP_MILLISECONDS): Promise<void> {
    this.#sweeping.abort();
    const idle = this.#server.stop();
    const requests = Promise.race([idle, requestsEnded(this.#server), Bun.sleep(milliseconds)]);
    await Promise.all([requests, this.#loop.stop(milliseconds), this.#poller.stop(milliseconds)]);
    await this.#server.stop(true);
    this.#database.close();
  }
}

function serve(config: Config, core: Promise<PyodideHost>, log: Log): Server {
  const fetch = async (request: Request): Promise<Response> => {
    try {
      return await (await core).handleHttp(request);
    } catch (error) {
      log("error", `${request.method} ${request.url}: ${messageOf(error)}`);
      return errorResponse("INTERNAL_ERROR", "Internal server error");
    }
  };
  const { hostname, port } = config;
  try {
    // Bodies are read by `readBody`, as far as the core takes them; Bun's own answer to a large one has no code.
    const maxRequestBodySize = Number.MAX_SAFE_INTEGER;
    return Bun.serve({ hostname, port, idleTimeout: IDLE_SECONDS, maxRequestBodySize, fetch });
  } catch (error) {
    const reason =
      error instanceof Error && "code" in error && error.code === "EADDRINUSE" ? "it is in use" : messageOf(error);
    throw new StartError(`Cannot listen on port ${port} of ${hostname}: ${reason}. Set PORT to another one.`);
  }
}

/** An error in the form in which the core answers its own. */
function errorResponse(code: ErrorCode, message: string): Response {
  return Response.json({ error: message, code }, { status: ERROR_STATUSES[code] });
}

/** Uncounts the attempt of a job that was broken off: the step that it worked on has not ended the process. */
async function excuse(database: BunDatabase, { payload }: Job): Promise<void> {
  const { scanId, step } = payload;
  if (typeof scanId === "number" && typeof step === "number") await database.excuseStep(scanId, step);
}

// Connections that are kept alive stay open after their last answer, so what is counted is requests.
async function requestsEnded(server: Server): Promise<void> {
  while (server.pendingRequests > 0) await Bun.sleep(10);
}

async function sweepRegularly(host: PyodideHost, clock: Clock, log: Log, stopping: AbortSignal): Promise<void> {
  while (!stopping.aborted) {
    await host.sweep().catch((error) => log("error", `the sweep failed: ${messageOf(error)}`));
    await clock.sleep(SWEEP_MILLISECONDS, stopping);
  }
}
