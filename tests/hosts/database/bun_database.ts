/** Serves the calls of one database file over standard input and output: a line for each call and each answer. */

import { callDatabase } from "../../../generated/local/src/bridge.ts";
import { connect } from "../../../generated/local/src/connection.ts";
import { applyMigrations } from "../../../generated/local/src/migrate.ts";
import { BunDatabase } from "../../../generated/local/src/spec/bun-database.ts";

const path = Bun.argv[2];
if (path === undefined) throw new Error("usage: bun bun_database.ts FILE");
const connection = connect(path);
applyMigrations(connection);
const database = new BunDatabase(connection);

for await (const line of console) {
  const [method, argumentsJson] = JSON.parse(line) as [string, string];
  console.log(await callDatabase(database, method, argumentsJson));
}
