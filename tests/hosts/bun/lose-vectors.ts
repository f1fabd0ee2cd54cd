/** Deletes vectors behind a host's back: bun lose-vectors.ts DATABASE COLLECTION ID... */

import { connect } from "../../../generated/local/src/connection.ts";
import { chooseSqlite } from "../../../generated/local/src/vectors/extension.ts";
import { SqliteVecStore } from "../../../generated/local/src/vectors/sqlite-vec-store.ts";

const [path = "", collection = "", ...ids] = process.argv.slice(2);
chooseSqlite(process.env.SQLITE_LIBRARY);
await new SqliteVecStore(connect(path), console.error).delete(collection, ids);
