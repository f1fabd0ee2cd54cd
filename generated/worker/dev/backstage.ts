/** The server behind the Worker's bindings, for workerd alone: the Vectorize stand-in, and the counts of the shim. */
import type { Invocation, Invocations } from "./invocations.ts";
import type { Vectorize } from "./vectorize/vectorize.ts";

/** Serve on a free port of this machine; the answer is `127.0.0.1:<port>`. */
export function serveBackstage(vectorize: Vectorize, invocations: Invocations): string {
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    async fetch(request) {
      // Miniflare opens a connection for each call, for remote bindings that are no HTTP services.
      if (request.headers.get("Upgrade") === "websocket") return new Response(null, { status: 404 });
      if (request.headers.has("MF-Binding")) return await vectorize.answer(request);
      invocations.add((await request.json()) as Invocation);
      return new Response(null, { status: 204 });
    },
  });
  return `127.0.0.1:${server.port}`;
}
