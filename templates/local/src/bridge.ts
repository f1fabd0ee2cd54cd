/** The TypeScript side of the ports that the core in Pyodide is given: plain functions, JSON text where data travels. */

import type { PyProxy } from "pyodide/ffi";
import { type Clock, secondsAfter } from "./clock.ts";
import { ConstraintError, DatabaseUnavailable, messageOf } from "./errors.ts";
import { type HttpStream, openStream } from "./http-client.ts";
import type { LocalJobQueue } from "./job-queue.ts";
import type { IDatabase, JsonObject } from "./spec/types.ts";
import { callVectors } from "./vector-bridge.ts";
import type { VectorStores } from "./vectors/vector-stores.ts";

/** What Python sees of this host; see `bun_host/javascript.py` for the same in Python. */
export interface HostFunctions {
  /** The present moment, in milliseconds since 1970. */
  now(): number;
  /** Calls a database method; answers `{"ok": result}` or `{"error": {"kind", "message"}}`. */
  callDatabase(method: string, argumentsJson: string): Promise<string>;
  /** Calls a method of the vector store that a configuration names; answers in the same form. */
  callVectors(configJson: string, method: string, argumentsJson: string): Promise<string>;
  enqueue(jobId: string, type: string, payloadJson: string, delaySeconds: number): Promise<void>;
  openStream(
    method: string,
    url: string,
    headersJson: string,
    body: PyProxy | undefined,
    timeoutSeconds: number,
  ): Promise<HttpStream>;
  /** Told that there is a new poll of a batch to wait for. */
  pollStarted(): void;
  /** Told what Python works on from now on. */
  turnTo(kind: string, name: string): void;
  writeLog(line: string): void;
}

/** The parts of this host that the functions are made over. */
export interface HostParts {
  database: IDatabase;
  queue: LocalJobQueue;
  vectors: VectorStores;
  clock: Clock;
  pollStarted: () => void;
  turnTo: (kind: string, name: string) => void;
  writeLog: (line: string) => void;
}

/** Makes the functions. */
export function createHostFunctions(parts: HostParts): HostFunctions {
  const { database, queue, vectors, clock, pollStarted, turnTo, writeLog } = parts;
  return {
    now: () => clock.now().getTime(),
    callDatabase: (method, argumentsJson) => callDatabase(database, method, argumentsJson),
    callVectors: (configJson, method, argumentsJson) => callVectors(vectors, configJson, method, argumentsJson),
    async enqueue(id, type, payloadJson, delaySeconds) {
      const payload = JSON.parse(payloadJson) as JsonObject;
      const delayed = delaySeconds > 0 ? { runAfter: secondsAfter(clock.now(), delaySeconds) } : {};
      await queue.enqueue({ id, type, payload, ...delayed });
    },
    // Bytes from Python are a view into its memory, which may move while we wait: copied first.
    openStream: (method, url, headersJson, body, timeoutSeconds) =>
      openStream(method, url, headersJson, body?.toJs() as Uint8Array | undefined, timeoutSeconds),
    pollStarted,
    turnTo,
    writeLog,
  };
}

type DatabaseMethod = (...parameters: unknown[]) => Promise<unknown>;

/** Calls a database method by name, with its parameters as a JSON list; errors are part of the answer. */
export async function callDatabase(database: IDatabase, method: string, argumentsJson: string): Promise<string> {
  try {
    const known = (database as unknown as Record<string, DatabaseMethod | undefined>)[method];
    if (typeof known !== "function") throw new TypeError(`there is no database method '${method}'`);
    return JSON.stringify({ ok: await known.apply(database, JSON.parse(argumentsJson)) });
  } catch (error) {
    return JSON.stringify({ error: { kind: kindOf(error), message: messageOf(error) } });
  }
}

function kindOf(error: unknown): string {
  if (error instanceof ConstraintError) return "constraint";
  return error instanceof DatabaseUnavailable ? "unavailable" : "database";
}
