/** The local host end to end, in processes of its own. */

import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { connect } from "../../../generated/local/src/connection.ts";
import { GitHubStandIn, HostProcess, until } from "./host-process.ts";
import { writeOldFile, writeOldTables } from "./old-file.ts";
import { rows, temporaryFolder } from "./support.ts";

// Bounds for a machine that is busy with other tests, where Pyodide alone takes a minute to start.
const SLOW = 600_000;

describe("the local host", () => {
  let folder: ReturnType<typeof temporaryFolder>;
  let databasePath: string;
  let github: GitHubStandIn;
  let hosts: HostProcess[];

  beforeEach(() => {
    folder = temporaryFolder();
    databasePath = join(folder.path, "ossgard.db");
    github = new GitHubStandIn();
    hosts = [];
  });

  afterEach(async () => {
    for (const host of hosts) await host.end("SIGKILL");
    github[Symbol.dispose]();
    folder.remove();
  });

  function start(environment: Record<string, string> = {}): HostProcess {
    const host = new HostProcess({ DATABASE_PATH: databasePath, GITHUB_API_URL: github.url, ...environment });
    hosts.push(host);
    return host;
  }

  async function call(
    url: string,
    apiKey: string,
    method = "GET",
  ): Promise<{ status: number; body: Record<string, unknown> }> {
    const answer = await fetch(url, { method, headers: { authorization: `Bearer ${apiKey}` } });
    return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
  }

  /** Runs the command that the host prints. */
  async function register(host: HostProcess): Promise<string> {
    const command = host.output.match(/^ {2}(curl .*)$/m)?.[1] ?? "";
    const shell = Bun.spawn(["sh", "-c", command], {
      env: { ...process.env, GITHUB_TOKEN: github.token },
      stderr: "ignore",
    });
    const { apiKey } = (await new Response(shell.stdout).json()) as { apiKey: string };
    return apiKey;
  }

  test(
    "answers a body that is too large with a code, however large it is",
    async () => {
      const url = await start().ready();
      for (const size of [2_000_000, 150_000_000]) {
        const answer = await fetch(`${url}/accounts`, { method: "POST", body: new Uint8Array(size) });
        const { code } = (await answer.json()) as { code: string };
        expect([answer.status, code]).toEqual([413, "BODY_TOO_LARGE"]);
      }
    },
    SLOW,
  );

  test(
    "says where it is and how to register, serves, and ends when it is told to",
    async () => {
      const host = start();
      const url = await host.ready();
      // From this machine only, unless HOST says otherwise.
      expect(url).toStartWith("http://127.0.0.1:");
      expect(host.output).toContain(`Database: ${databasePath}`);
      expect(await call(`${url}/health`, "")).toEqual({ status: 200, body: { status: "ok" } });
      const apiKey = await register(host);
      expect(await call(`${url}/accounts/me`, apiKey)).toMatchObject({ status: 200, body: { id: 1 } });
      expect(github.requests).toContain("GET /user");

      expect(await host.end("SIGTERM")).toBe(0);
      await expect(fetch(`${url}/health`)).rejects.toThrow();
      expect(host.log).toBe("");
    },
    SLOW,
  );

  test(
    "loses no accepted job when it is killed while it works",
    async () => {
      github.silent = true;
      const killed = start();
      const url = await killed.ready();
      const apiKey = await register(killed);
      const scan = await call(`${url}/repos/acme/app/scan`, apiKey, "POST");
      expect(scan).toMatchObject({ status: 202, body: { status: "queued" } });
      await until(() => github.requests.includes("GET /repos/acme/app"));
      await killed.end("SIGKILL");

      github.silent = false;
      const restarted = start();
      const again = await restarted.ready();
      const status = await until(async () => {
        const { body } = await call(`${again}/scans/${scan.body.scanId}`, apiKey);
        return body.status !== "queued" && body.status;
      });
      expect(status).not.toBe("queued");
      expect(github.requests.filter((request) => request === "GET /repos/acme/app")).toHaveLength(2);
      expect(await restarted.end("SIGTERM")).toBe(0);
    },
    SLOW,
  );

  test(
    "puts the job back that does not end in time when it is stopped",
    async () => {
      github.silent = true;
      const host = start();
      const url = await host.ready();
      const apiKey = await register(host);
      await call(`${url}/repos/acme/app/scan`, apiKey, "POST");
      await until(() => github.requests.includes("GET /repos/acme/app"));
      expect(await host.end("SIGTERM")).toBe(0);
      const database = connect(databasePath);
      expect(rows(database, "SELECT status, attempts FROM jobs")).toEqual([{ status: "queued", attempts: 0 }]);
      database.close();
    },
    SLOW,
  );

  test(
    "takes over an existing data file: keys work, and unfinished scans start again",
    async () => {
      writeOldFile(databasePath);
      const host = start();
      const url = await host.ready();
      expect(host.output).toContain(`Imported the data file ${databasePath}`);
      expect(await call(`${url}/accounts/me`, "key-of-one")).toMatchObject({ status: 200, body: { label: "one" } });
      expect(await call(`${url}/scans/1`, "key-of-one")).toMatchObject({ status: 404 });
      expect(await call(`${url}/scans/1`, "key-of-three")).toMatchObject({
        status: 200,
        body: { status: "done", prCount: 2 },
      });
      await until(async () => (await call(`${url}/scans/5`, "key-of-one")).body.status !== "queued");
      expect(await host.end("SIGTERM")).toBe(0);
    },
    SLOW,
  );

  test(
    "mends the configurations of an existing data file, says so, and scans with them",
    async () => {
      const service = { provider: "cohere", url: "", model: "m", api_key: "" };
      const config = {
        github: { token: github.token },
        llm: service,
        embedding: { ...service, provider: "openai" },
        vector_store: { url: "", api_key: "" },
        scan: { concurrency: 10, code_similarity_threshold: 85 },
      };
      writeOldTables(databasePath, {
        statements: [
          `INSERT INTO accounts (api_key, config) VALUES
             ('key', '${JSON.stringify(config)}'), ('empty', '{}'), ('broken', 'no JSON')`,
          "INSERT INTO repos (owner, name) VALUES ('acme', 'app')",
          "INSERT INTO scans (repo_id, account_id, status) VALUES (1, 1, 'ingesting')",
          `INSERT INTO jobs (id, type, payload, status) VALUES ('j', 'ingest', '{"scanId":1,"maxPrs":7}', 'running')`,
        ],
      });
      github.silent = true;
      const host = start({ LOG_LEVEL: "WARN" });
      const url = await host.ready();
      const mended = "The configuration of account 1 was mended:";
      for (const line of [
        "The configuration of account 3 could not be read, and is empty now: it has to be set anew.",
        `${mended} llm.provider was 'cohere' and is now 'ollama'.`,
        `${mended} llm.url was '' and is now 'http://127.0.0.1:11434'.`,
        `${mended} embedding.url was '' and is now 'https://api.openai.com/v1'.`,
        `${mended} vector_store is left out.`,
        `${mended} scan.concurrency was 10 and is now 6.`,
        `${mended} scan.code_similarity_threshold was 85 and is now 1.0.`,
      ]) {
        expect(host.output).toContain(`${line}\n`);
      }
      const me = (await call(`${url}/accounts/me`, "key")).body.config as Record<string, unknown>;
      expect(me.scan).toEqual({ concurrency: 6, code_similarity_threshold: 1 });
      expect(await call(`${url}/scans/1`, "key")).toMatchObject({ body: { phaseCursor: { full: false, maxPrs: 7 } } });
      await until(() => github.requests.includes("GET /repos/acme/app"));
      for (const key of ["empty", "broken"]) {
        const { status, body } = await call(`${url}/repos/acme/app/scan`, key, "POST");
        expect(status).toBe(400);
        expect(body.error).toStartWith("The account's stored configuration is not valid: github is required");
      }
      github.silent = false;
      await host.end("SIGTERM");

      const again = start();
      await again.ready();
      expect(again.output).not.toContain("mended");
    },
    SLOW,
  );

  describe("refuses to start, in one line that says what to do,", () => {
    async function refusal(environment: Record<string, string>): Promise<string> {
      const host = start(environment);
      expect(await host.exit()).toBe(1);
      expect(host.output).toBe("");
      return host.log;
    }

    test("when its port is taken, and leaves the database alone", async () => {
      const port = new URL(github.url).port;
      expect(await refusal({ PORT: port })).toBe(
        `ossgard cannot start: Cannot listen on port ${port} of 127.0.0.1: it is in use. Set PORT to another one.\n`,
      );
      expect(await Bun.file(databasePath).exists()).toBe(false);
    });

    test.each(["http", "-1", "70000", "3400x"])("when PORT is '%s'", async (port) => {
      expect(await refusal({ PORT: port })).toBe(
        `ossgard cannot start: PORT must be a number from 0 to 65535, but is '${port}'.\n`,
      );
    });

    test("when LOG_LEVEL is unknown", async () => {
      const names = "debug, trace, verbose, info, notice, warning, warn, error, err, critical, fatal";
      expect(await refusal({ LOG_LEVEL: "loud" })).toBe(
        `ossgard cannot start: LOG_LEVEL must be one of ${names}, but is 'loud'.\n`,
      );
    });

    test("when the database cannot be written", async () => {
      writeFileSync(join(folder.path, "file"), "");
      expect(await refusal({ DATABASE_PATH: join(folder.path, "file", "ossgard.db") })).toMatch(
        /^ossgard cannot start: The database .* cannot be opened: .* Set DATABASE_PATH to a file in a folder .*\n$/,
      );
    });
  });
});
