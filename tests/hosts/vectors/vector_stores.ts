/**
 * Serves the vector stores of one database file over standard input and output, as the local host serves them to Python.
 *
 * A call is a line `[number, configJson, method, argumentsJson]`, its answer `[number, answer]`, in any order; a warning
 * is a line `["warning", text]`.
 */

import { openDatabase } from "../../../generated/local/src/database-file.ts";
import { callVectors } from "../../../generated/local/src/vector-bridge.ts";
import { chooseSqlite } from "../../../generated/local/src/vectors/extension.ts";
import { VectorStores } from "../../../generated/local/src/vectors/vector-stores.ts";

const [path, timeoutSeconds] = Bun.argv.slice(2);
if (path === undefined) throw new Error("usage: bun vector_stores.ts FILE [TIMEOUT_SECONDS]");
chooseSqlite(process.env.SQLITE_LIBRARY);
const warn = (message: string) => console.log(JSON.stringify(["warning", message]));
const stores = new VectorStores(openDatabase(path), warn, { timeoutSeconds: Number(timeoutSeconds ?? 30) });

async function serve(line: string): Promise<void> {
  const [number, configJson, method, argumentsJson] = JSON.parse(line) as [number, string, string, string];
  console.log(JSON.stringify([number, await callVectors(stores, configJson, method, argumentsJson)]));
}

for await (const line of console) void serve(line);
