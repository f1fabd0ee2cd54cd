/** The program: starts the local host, says where it is, and stops it when it is told to. */

import { readConfig } from "./config.ts";
import { StartError } from "./errors.ts";
import { LocalHost } from "./local-host.ts";
import { chooseSqlite } from "./vectors/extension.ts";

const EXAMPLE = {
  github: { token: "GITHUB_TOKEN" },
  llm: { provider: "ollama", url: "http://127.0.0.1:11434", model: "llama3.1" },
  embedding: { provider: "ollama", url: "http://127.0.0.1:11434", model: "nomic-embed-text" },
};

function greet(url: string, databasePath: string): void {
  // Closes the single quotes around the token, so that the shell fills it in.
  const body = JSON.stringify({ config: EXAMPLE }).replace("GITHUB_TOKEN", `'"$GITHUB_TOKEN"'`);
  console.log(`ossgard listens on ${url}`);
  console.log(`Database: ${databasePath}`);
  console.log("To register an account, and see its API key:");
  console.log(`  curl ${url}/accounts -H 'content-type: application/json' -d '${body}'`);
}

async function main(): Promise<void> {
  const config = readConfig(process.env);
  chooseSqlite(process.env.SQLITE_LIBRARY);
  const host = await LocalHost.start(config, console.log, console.error);
  let stopping = false;
  const stop = async (signal: NodeJS.Signals) => {
    if (stopping) process.exit(1);
    stopping = true;
    console.log(`${signal}: stopping. A second signal ends it at once.`);
    await host.stop();
    process.exit(0);
  };
  process.on("SIGTERM", stop);
  process.on("SIGINT", stop);
  greet(host.url, config.databasePath);
}

try {
  await main();
} catch (error) {
  console.error(error instanceof StartError ? `ossgard cannot start: ${error.message}` : error);
  process.exit(1);
}
