/** Runs the local host as a process, as a user would, and a small GitHub for it. */

import { join } from "node:path";
import type { Subprocess } from "bun";

const PROGRAM = join(import.meta.dir, "..", "..", "..", "generated", "local", "src", "index.ts");

/** A host in a process of its own. */
export class HostProcess {
  readonly #process: Subprocess<"ignore", "pipe", "pipe">;
  /** What it has printed so far. */
  output = "";
  /** What it has printed on standard error so far: its log. */
  log = "";

  constructor(environment: Record<string, string>) {
    this.#process = Bun.spawn([process.execPath, PROGRAM], {
      env: { ...process.env, PORT: "0", ...environment },
      stdout: "pipe",
      stderr: "pipe",
    });
    void this.#read(this.#process.stdout, (text) => {
      this.output += text;
    });
    void this.#read(this.#process.stderr, (text) => {
      this.log += text;
    });
  }

  /** The address that it prints once it is ready. */
  async ready(): Promise<string> {
    const url = await until(
      () => this.output.match(/ossgard listens on (\S+)\n(?:.*\n){3}/)?.[1] ?? (this.#process.exitCode !== null && ""),
    );
    if (!url) throw new Error(`the host did not start:\n${this.output}${this.log}`);
    return url;
  }

  /** Sends a signal and waits for the end; returns the exit status, null after a signal that it cannot handle. */
  async end(signal: NodeJS.Signals): Promise<number | null> {
    this.#process.kill(signal);
    return this.exit();
  }

  /** Waits for the end. */
  async exit(): Promise<number | null> {
    await this.#process.exited;
    return this.#process.exitCode;
  }

  async #read(stream: ReadableStream<Uint8Array>, take: (text: string) => void): Promise<void> {
    const decoder = new TextDecoder();
    for await (const chunk of stream) take(decoder.decode(chunk, { stream: true }));
  }
}

/** Waits until there is something. */
export async function until<T>(
  look: () => T | false | undefined | null | Promise<T | false>,
  seconds = 200,
): Promise<T> {
  const end = Date.now() + seconds * 1000;
  while (Date.now() < end) {
    const found = await look();
    if (found !== false && found !== undefined && found !== null) return found;
    await Bun.sleep(20);
  }
  throw new Error(`waited ${seconds} seconds in vain`);
}

/**
 * A GitHub that knows one token and every repository, none with an open pull request. It can be told to keep repository
 * requests waiting.
 */
export class GitHubStandIn implements Disposable {
  readonly token = "ghp_test";
  readonly requests: string[] = [];
  silent = false;
  readonly #server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    idleTimeout: 0,
    fetch: async (request) => {
      const path = new URL(request.url).pathname;
      this.requests.push(`${request.method} ${path}`);
      if (!request.headers.get("authorization")?.endsWith(this.token)) {
        return Response.json({ message: "Bad credentials" }, { status: 401 });
      }
      if (path === "/user") return Response.json({ login: "ann" });
      while (this.silent) await Bun.sleep(20);
      const [, , owner, name, part] = path.split("/");
      return Response.json(part === undefined ? { id: 1, name, owner: { login: owner } } : []);
    },
  });

  get url(): string {
    return `http://127.0.0.1:${this.#server.port}`;
  }

  [Symbol.dispose](): void {
    this.silent = false;
    void this.#server.stop(true);
  }
}
