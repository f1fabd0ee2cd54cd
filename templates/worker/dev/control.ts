/**
 * The control interface for tests, served only when OSSGARD_CONTROL_PORT is set, and only on this machine:
 *
 * - `POST /sql` `{sql, values}` runs one D1 statement and answers `{results, changes}`, or 400 `{error}`;
 * - `POST /batch` `{statements: [{sql, values}, ...]}` runs several as one transaction and answers a list of the same;
 * - `POST /queue` `{queue, body}` delivers a message as if it came from a queue and answers what the Worker did with it;
 * - `POST /object` `{binding, name, method?, body?}` fetches from a Durable Object and answers its `{status, body}`;
 * - `POST /object/storage` `{binding, name}` answers what the object keeps, by key;
 * - `POST /alarm/next` `{binding, name}` answers when the object's next alarm is: `{at}`, in milliseconds since the epoch,
 *   or null;
 * - `POST /alarm/run` `{binding, name}` runs the object's alarm handler now, as if the alarm that is set had rung, and
 *   answers `{error, at}`: what the handler threw, or null, and when the next alarm is;
 * - `POST /scheduled` runs the scheduled handler;
 * - `GET /invocations` answers what each invocation of the Worker used (see invocations.ts), `POST /invocations/reset` begins
 *   anew;
 * - `POST /vectorize` `{delayMilliseconds?, failure?: {times, status, code, message}, lost?: [id]}` changes how long vectors
 *   take to show, has the next calls fail, and loses vectors, whatever index they are in.
 */
import type { Miniflare } from "miniflare";
import type { Invocations } from "./invocations.ts";
import type { Settings } from "./settings.ts";
import type { Failure, Vectorize } from "./vectorize/vectorize.ts";

type D1Database = Awaited<ReturnType<Miniflare["getD1Database"]>>;
type D1PreparedStatement = ReturnType<D1Database["prepare"]>;
type D1Result = Awaited<ReturnType<D1PreparedStatement["all"]>>;

interface Statement {
  sql: string;
  values?: unknown[];
}

interface Delivery {
  queue: string;
  body: unknown;
  attempts?: number;
}

interface Address {
  binding: string;
  name: string;
}

interface ObjectRequest {
  method?: string;
  body?: string | null;
}

/** Where the shim answers in the place of the object. */
const CONTROL_ORIGIN = "http://control.invalid";

/** What there is to control. */
export interface Controlled {
  miniflare: Miniflare;
  settings: Settings;
  vectorize: Vectorize;
  invocations: Invocations;
}

/** Serve the control interface; the answer is the port it got. */
export function serveControl({ miniflare, settings, vectorize, invocations }: Controlled, port: number): number {
  const find = async ({ binding, name }: Address) => {
    const namespace = await miniflare.getDurableObjectNamespace(binding);
    return namespace.get(namespace.idFromName(name));
  };
  const control = async (request: Request, path: string) => {
    const object = await find((await request.json()) as Address);
    const response = await object.fetch(`${CONTROL_ORIGIN}${path}`);
    return await response.json();
  };
  const handlers: Record<string, (request: Request) => Promise<unknown>> = {
    "POST /sql": async (request) => {
      const database = await miniflare.getD1Database(settings.d1.binding);
      return answer(await prepare(database, (await request.json()) as Statement).all());
    },
    "POST /batch": async (request) => {
      const database = await miniflare.getD1Database(settings.d1.binding);
      const { statements } = (await request.json()) as { statements: Statement[] };
      const results = await database.batch(statements.map((statement) => prepare(database, statement)));
      return results.map(answer);
    },
    "POST /queue": async (request) => {
      const { queue, body, attempts = 1 } = (await request.json()) as Delivery;
      const worker = await miniflare.getWorker();
      const message = { id: crypto.randomUUID(), timestamp: new Date(), attempts, body };
      return await worker.queue(queue, [message]);
    },
    "POST /object": async (request) => {
      const { method = "GET", body = null, ...address } = (await request.json()) as Address & ObjectRequest;
      const object = await find(address);
      const response = await object.fetch("http://object/", { method, body });
      return { status: response.status, body: await response.text() };
    },
    "POST /object/storage": async (request) => await control(request, "/storage"),
    "POST /alarm/next": async (request) => await control(request, "/alarm/next"),
    "POST /alarm/run": async (request) => await control(request, "/alarm/run"),
    "POST /scheduled": async () => {
      const worker = await miniflare.getWorker();
      return await worker.scheduled({});
    },
    "GET /invocations": async () => invocations.list(),
    "POST /invocations/reset": async () => {
      invocations.reset();
      return {};
    },
    "POST /vectorize": async (request) => {
      const { delayMilliseconds, failure, lost } = (await request.json()) as {
        delayMilliseconds?: number;
        failure?: Failure;
        lost?: string[];
      };
      if (delayMilliseconds !== undefined) vectorize.delayMilliseconds = delayMilliseconds;
      if (failure !== undefined) vectorize.failure = failure;
      if (lost !== undefined) vectorize.lose(lost);
      return {};
    },
  };
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port,
    async fetch(request) {
      const handler = handlers[`${request.method} ${new URL(request.url).pathname}`];
      if (handler === undefined) return Response.json({ error: "Not found" }, { status: 404 });
      try {
        return Response.json(await handler(request));
      } catch (error) {
        return Response.json({ error: error instanceof Error ? error.message : String(error) }, { status: 400 });
      }
    },
  });
  return server.port ?? port;
}

function prepare(database: D1Database, { sql, values = [] }: Statement): D1PreparedStatement {
  return database.prepare(sql).bind(...values);
}

function answer({ results, meta }: D1Result): { results: unknown[]; changes: number } {
  return { results, changes: meta.changes };
}
