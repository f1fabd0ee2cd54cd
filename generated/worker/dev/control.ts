/**
 * The control interface for tests, served only when OSSGARD_CONTROL_PORT is set, and only on this machine:
 *
 * - `POST /sql` `{sql, values}` runs one D1 statement and answers `{results, changes}`, or 400 `{error}`;
 * - `POST /batch` `{statements: [{sql, values}, ...]}` runs several as one transaction and answers a list of the same;
 * - `POST /queue` `{queue, body}` delivers a message as if it came from a queue and answers what the Worker did with it;
 * - `POST /object` `{binding, name}` fetches from a Durable Object and answers its `{status, body}`;
 * - `POST /scheduled` runs the scheduled handler.
 */
import type { Miniflare } from "miniflare";
import type { Settings } from "./settings.ts";

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

/** Serve the control interface; the answer is the port it got. */
export function serveControl(miniflare: Miniflare, settings: Settings, port: number): number {
  const handlers: Record<string, (request: Request) => Promise<unknown>> = {
    "/sql": async (request) => {
      const database = await miniflare.getD1Database(settings.d1.binding);
      return answer(await prepare(database, (await request.json()) as Statement).all());
    },
    "/batch": async (request) => {
      const database = await miniflare.getD1Database(settings.d1.binding);
      const { statements } = (await request.json()) as { statements: Statement[] };
      const results = await database.batch(statements.map((statement) => prepare(database, statement)));
      return results.map(answer);
    },
    "/queue": async (request) => {
      const { queue, body, attempts = 1 } = (await request.json()) as Delivery;
      const worker = await miniflare.getWorker();
      const message = { id: crypto.randomUUID(), timestamp: new Date(), attempts, body };
      return await worker.queue(queue, [message]);
    },
    "/object": async (request) => {
      const { binding, name } = (await request.json()) as Address;
      const namespace = await miniflare.getDurableObjectNamespace(binding);
      const response = await namespace.get(namespace.idFromName(name)).fetch("http://object/");
      return { status: response.status, body: await response.text() };
    },
    "/scheduled": async () => {
      const worker = await miniflare.getWorker();
      return await worker.scheduled({});
    },
  };
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port,
    async fetch(request) {
      const handler = request.method === "POST" ? handlers[new URL(request.url).pathname] : undefined;
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
