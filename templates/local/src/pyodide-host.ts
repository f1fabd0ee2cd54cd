/** Runs the Python core inside this process, in Pyodide, and hands it requests, jobs and polls. */

import { existsSync } from "node:fs";
import { join } from "node:path";
import { loadPyodide, type PyodideAPI } from "pyodide";
import type { PyCallable, PyProxy } from "pyodide/ffi";
import { readBody } from "./body.ts";
import type { HostFunctions } from "./bridge.ts";
import { StartError } from "./errors.ts";
import { MAX_BODY_BYTES } from "./spec/settings.ts";
import type { Job } from "./spec/types.ts";
import type { Disposition } from "./worker-loop.ts";

/** The folders that Python reads: third-party packages, the core, and this host's own Python half. */
export interface PythonFolders {
  packages: string;
  core: string;
  host: string;
}

const GENERATED = join(import.meta.dir, "..", "..");

/** The folders as they lie in the generated tree. */
export const PYTHON_FOLDERS: PythonFolders = {
  packages: join(GENERATED, "worker", "python_modules"),
  core: join(GENERATED, "worker", "src"),
  host: join(GENERATED, "local", "python"),
};

const PATH = `
import sys

# The folders are the user's own: no compiled files are left in them.
sys.dont_write_bytecode = True
sys.path += ["/packages", "/core", "/host"]
`;

/** Pyodide's own hook for when it has ended. */
interface Mortal {
  _api: { on_fatal: (error: Error) => void };
}

/** The core, as the rest of the host uses it. */
export class PyodideHost {
  readonly #handleHttp: PyCallable;
  readonly #handleJob: PyCallable;
  readonly #jobFailed: PyCallable;
  readonly #poll: PyCallable;
  readonly #sweep: PyCallable;
  readonly #mendAccounts: PyCallable;

  private constructor(main: PyProxy) {
    // Looked up once: each look-up makes a new proxy.
    this.#handleHttp = main.handle_http;
    this.#handleJob = main.handle_job;
    this.#jobFailed = main.job_failed;
    this.#poll = main.poll;
    this.#sweep = main.sweep;
    this.#mendAccounts = main.mend_accounts;
  }

  /**
   * Starts Python and the core in it.
   *
   * @param onEnd called, before anything else happens, when Python has ended: then nothing of it works any more.
   */
  static async boot(
    functions: HostFunctions,
    variables: Readonly<Record<string, string>>,
    onEnd: (error: Error) => void = () => {},
    folders: PythonFolders = PYTHON_FOLDERS,
  ): Promise<PyodideHost> {
    const python = await loadPython(folders, functions.writeLog);
    (python as unknown as Mortal)._api.on_fatal = onEnd;
    const { start } = python.pyimport("bun_host.main");
    return new PyodideHost(start(functions, JSON.stringify(variables)));
  }

  /** Answers an HTTP request. */
  async handleHttp(request: Request): Promise<Response> {
    // One byte more than it takes shows the core that it is too much.
    const body = await readBody(request, MAX_BODY_BYTES + 1);
    const answer: string = await this.#handleHttp(
      request.method,
      request.url,
      JSON.stringify([...request.headers]),
      body.bytes,
      body.isComplete,
    );
    // One text is cheaper than an object of Python's: a line of JSON, then the body.
    const end = answer.indexOf("\n");
    const head = JSON.parse(answer.slice(0, end)) as { status: number; headers: [string, string][] };
    return new Response(answer.slice(end + 1), head);
  }

  /** Works on a job; the core decides what becomes of it. */
  async handleJob(job: Job): Promise<Disposition> {
    return JSON.parse(await this.#handleJob(JSON.stringify(job.payload), job.attempts)) as Disposition;
  }

  /** Tells the core that the queue has given a job up. */
  async jobFailed(job: Job): Promise<void> {
    await this.#jobFailed(JSON.stringify(job.payload));
  }

  /** Asks once for the provider's batch that is polled under a name. */
  async poll(name: string): Promise<void> {
    await this.#poll(name);
  }

  /** Puts stored configurations right that older versions let pass; returns what it did, for the console. */
  async mendAccounts(): Promise<string[]> {
    return JSON.parse(await this.#mendAccounts()) as string[];
  }

  /** Sends messages that were committed but not sent; returns how many. */
  async sweep(): Promise<number> {
    return await this.#sweep();
  }
}

/**
 * Starts Python, able to import what lies in the folders; raises `StartError` when the packages are missing.
 *
 * @param write takes the lines that Python prints.
 */
export async function loadPython(
  folders: PythonFolders = PYTHON_FOLDERS,
  write: (line: string) => void = console.log,
): Promise<PyodideAPI> {
  if (!existsSync(join(folders.packages, "pydantic"))) {
    throw new StartError(
      `The Python packages are missing in ${folders.packages}. Run \`make setup\`, then start again.`,
    );
  }
  const python = await loadPyodide({ stdout: write, stderr: write });
  for (const [name, root] of Object.entries(folders)) {
    python.FS.mkdirTree(`/${name}`);
    python.FS.mount(python.FS.filesystems.NODEFS, { root }, `/${name}`);
  }
  python.runPython(PATH);
  return python;
}
