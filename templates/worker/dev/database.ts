/** The local D1 database: its migrations, recorded as wrangler records them, and the messages of the last run. */
import { Miniflare } from "miniflare";
import type { Settings } from "./settings.ts";

type D1Database = Awaited<ReturnType<Miniflare["getD1Database"]>>;

/** Messages that were sent and not answered: the queues that held them have ended with the last run. */
const FORGET_SENT = `
  UPDATE scan_steps SET sent_at = NULL
  WHERE sent_at IS NOT NULL AND phase IS NOT NULL AND NOT EXISTS (
    SELECT 1 FROM scan_steps AS following
    WHERE following.scan_id = scan_steps.scan_id AND following.step = scan_steps.step + 1
  )`;

/** Bring the database in a folder up to date before the Worker starts; the names of the migrations applied. */
export async function prepareDatabase(settings: Settings, folder: string): Promise<string[]> {
  const miniflare = new Miniflare({
    modules: true,
    script: "",
    d1Databases: { [settings.d1.binding]: settings.d1.database },
    d1Persist: folder,
    cf: false,
  });
  try {
    const database = await miniflare.getD1Database(settings.d1.binding);
    const applied = await migrate(database, settings.migrations);
    await database.prepare(FORGET_SENT).run();
    return applied;
  } finally {
    await miniflare.dispose();
  }
}

/** Apply the migrations that the database does not have yet, each as one transaction; the names of those applied. */
async function migrate(database: D1Database, migrations: Settings["migrations"]): Promise<string[]> {
  await database
    .prepare(
      "CREATE TABLE IF NOT EXISTS d1_migrations (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT UNIQUE, " +
        "applied_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL)",
    )
    .run();
  const { results } = await database.prepare("SELECT name FROM d1_migrations").all<{ name: string }>();
  const known = new Set(results.map((row) => row.name));
  const missing = migrations.filter((migration) => !known.has(migration.name));
  for (const { name, statements } of missing) {
    const record = database.prepare("INSERT INTO d1_migrations (name) VALUES (?)").bind(name);
    await database.batch([...statements.map((statement) => database.prepare(statement)), record]).catch((error) => {
      throw new Error(`The migration ${name} cannot be applied: ${error.message}`);
    });
  }
  return missing.map((migration) => migration.name);
}
