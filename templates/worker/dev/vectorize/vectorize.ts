/**
 * A stand-in for Vectorize behind workerd's own binding, with the service's limits and its way to show writes late.
 *
 * The binding (`VectorizeIndexImpl`) sends HTTP requests to `/info`, `/query`, `/insert`, `/upsert`, `/getByIds` and
 * `/deleteByIds`; Miniflare passes them on with the original address and the binding's name in headers.
 */
import { Database } from "bun:sqlite";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { IndexFile } from "./index-file.ts";
import { type Definition, Refusal, readDeletedIds, readIds, readQuery, readVectors } from "./refusals.ts";
import { checkMetric, VectorIndex } from "./vector-index.ts";

/** A failure that the next calls get instead of an answer. */
export interface Failure {
  times: number;
  status: number;
  code: number;
  message: string;
}

export class Vectorize {
  /** How long a mutation takes to show. */
  delayMilliseconds: number;
  failure: Failure | undefined;
  readonly #indexes: Map<string, VectorIndex>;

  /** @param indexes the definition of each binding's index. */
  constructor(indexes: Record<string, Definition>, folder: string, delayMilliseconds: number) {
    this.delayMilliseconds = delayMilliseconds;
    mkdirSync(folder, { recursive: true });
    const database = new Database(join(folder, "vectorize.sqlite"));
    database.run("PRAGMA journal_mode = WAL");
    database.run("PRAGMA synchronous = NORMAL");
    this.#indexes = new Map(
      Object.entries(indexes).map(([binding, definition]) => {
        checkMetric(definition);
        return [binding, new VectorIndex(definition, new IndexFile(database, definition))];
      }),
    );
  }

  /** Answer a request that Miniflare passes on. */
  async answer(request: Request): Promise<Response> {
    try {
      const { pathname } = new URL(request.headers.get("MF-URL") ?? request.url);
      const index = this.#indexes.get(request.headers.get("MF-Binding") ?? "");
      if (index === undefined) throw new Refusal(3000, "vectorize.index.not_found", 404);
      const body = await request.text();
      this.#fail();
      return Response.json(this.#handle(index, pathname, body));
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      return Response.json({ code: error.code, error: error.message }, { status: error.status });
    }
  }

  /** Lose vectors, as if somebody else had deleted them. */
  lose(ids: string[]): void {
    for (const index of this.#indexes.values()) index.delete(ids, Date.now());
  }

  #handle(index: VectorIndex, path: string, body: string): object {
    const { definition } = index;
    const now = Date.now();
    index.process(now - this.delayMilliseconds);
    switch (path) {
      case "/info":
        return index.describe();
      case "/query":
        return index.query(readQuery(body, definition));
      case "/getByIds":
        return index.byIds(readIds(body));
      case "/insert":
        return { mutationId: index.write("insert", readVectors(body, definition), now) };
      case "/upsert":
        return { mutationId: index.write("upsert", readVectors(body, definition), now) };
      case "/deleteByIds":
        return { mutationId: index.delete(readDeletedIds(body), now) };
    }
    throw new Refusal(10000, `there is no ${path}`, 404);
  }

  #fail(): void {
    if (this.failure === undefined || this.failure.times <= 0) return;
    this.failure.times--;
    throw new Refusal(this.failure.code, this.failure.message, this.failure.status);
  }
}
