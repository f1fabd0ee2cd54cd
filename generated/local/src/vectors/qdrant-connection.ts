/** Connects Qdrant's client as an account's configuration says, and tells its errors in our words. */

import { QdrantClient } from "@qdrant/js-client-rest";
import { messageOf } from "../errors.ts";
import { fetchFailure } from "../fetch-failure.ts";
import { VectorServerBusy, VectorServerRefusal, VectorServerUnreachable, VectorStoreError } from "./errors.ts";
import { withLimits } from "./limited-fetch.ts";

// What holds without the core, whose table has the same.
const TIMEOUT_SECONDS = 30;
const MAX_BYTES = 32 * 1024 * 1024;

export interface ConnectOptions {
  /** How long to wait for each answer. */
  timeoutSeconds?: number;
  /** How large an answer may be. */
  maxBytes?: number;
}

/** A client that has not asked anything yet. */
export interface Connection {
  client: QdrantClient;
  /** The server for the eyes of users, without passwords. */
  server: string;
  timeoutSeconds: number;
}

/** Makes a client; raises `VectorServerRefusal` when the address or the key cannot be used. */
export function connectToQdrant(url: string, apiKey: string, options: ConnectOptions = {}): Connection {
  const { timeoutSeconds = TIMEOUT_SECONDS, maxBytes = MAX_BYTES } = options;
  let address: URL;
  try {
    address = new URL(url);
  } catch {
    throw new VectorServerRefusal(url, "is not an address", "Change vector_store.url");
  }
  if (address.username || address.password || !/^https?:$/.test(address.protocol)) {
    const said = "must be an http or https address without a user name or a password";
    throw new VectorServerRefusal(address.origin, said, "Change vector_store.url");
  }
  const prefix = address.pathname.replace(/\/+$/, "");
  const server = address.origin + prefix;
  try {
    const make = () =>
      new QdrantClient({
        url: address.origin,
        // The client knows the path only by this name, and takes a scheme's own port for none.
        prefix,
        ...(statesDefaultPort(url) ? { port: address.protocol === "https:" ? 443 : 80 } : {}),
        // As its own option, the client would warn of every unencrypted server, also of one on this machine.
        headers: apiKey ? { "api-key": apiKey } : {},
        timeout: timeoutSeconds * 1000,
        // It would ask for the server's version now, and we know only what it answers later.
        checkCompatibility: false,
      });
    const client = withLimits(server, maxBytes, make);
    return { client, server, timeoutSeconds };
  } catch (error) {
    throw new VectorServerRefusal(server, `cannot be used: ${messageOf(error)}`, "Change vector_store");
  }
}

/** An error of the client as one of ours. */
export function translateError(error: unknown, server: string, timeoutSeconds: number): VectorStoreError {
  if (error instanceof VectorStoreError) return error;
  if (!(error instanceof Error)) return new VectorServerUnreachable(server, String(error));
  if (error.name === "QdrantClientTimeoutError") {
    return new VectorServerUnreachable(server, `there was no answer within ${timeoutSeconds} seconds`);
  }
  if (isRateLimit(error)) return new VectorServerBusy(server);
  if ("status" in error && typeof error.status === "number") {
    return fromStatus(error.status, reasonOf(error), server, isUnknownPath(error));
  }
  if (isForeign(error)) return notQdrant(server);
  return new VectorServerUnreachable(server, fetchFailure(error, timeoutSeconds));
}

/** The error for an answer that Qdrant would not give. */
export function notQdrant(server: string): VectorServerRefusal {
  return new VectorServerRefusal(server, "does not answer as Qdrant does", "Check vector_store.url, and change it");
}

function fromStatus(status: number, reason: string, server: string, isUnknownPath: boolean): VectorStoreError {
  if (status === 401 || status === 403) {
    const said = `refuses the API key (${status}${reason && `: ${reason}`})`;
    return new VectorServerRefusal(server, said, "Set a valid vector_store.api_key", status);
  }
  if (status === 429) return new VectorServerBusy(server);
  const said = `answers ${status}${reason && ` (${reason})`}`;
  if (status === 408 || status >= 500) return new VectorServerUnreachable(server, `it ${said}`);
  return new VectorServerRefusal(server, said, "Check vector_store.url, and change it", status, isUnknownPath);
}

/** Whether a server does not know what it was asked at all: of what it does not have, Qdrant says so in its JSON. */
function isUnknownPath(error: Error): boolean {
  const data: unknown = "data" in error ? error.data : undefined;
  return "status" in error && error.status === 404 && !(typeof data === "object" && data !== null && "status" in data);
}

/** What Qdrant says about a status: `{"status": {"error": "..."}}`, or plain text. */
function reasonOf(error: Error): string {
  const data: unknown = "data" in error ? error.data : undefined;
  if (typeof data === "string") return data.trim().slice(0, 200);
  const said = (data as { status?: { error?: unknown } } | null | undefined)?.status?.error;
  return typeof said === "string" ? said.trim().slice(0, 200) : error.message;
}

/** Whether a limit was hit; of `Retry-After` the client reads the first character alone, so our own pauses apply. */
function isRateLimit(error: Error): boolean {
  return error.name === "QdrantClientResourceExhaustedError" || error.message.startsWith("Invalid retryAfter value");
}

/** Whether an answer was not what the client can read: it takes every value for what Qdrant documents, or stumbles. */
function isForeign(error: Error): boolean {
  // Errors of the connection are of these types, too, but have a code.
  const stumbles = [SyntaxError, RangeError, TypeError].some((type) => error instanceof type) && !("code" in error);
  return stumbles || error.message === "Result came uninitialized";
}

function statesDefaultPort(url: string): boolean {
  return /^(https:\/\/[^/?#]*:443|http:\/\/[^/?#]*:80)([/?#]|$)/i.test(url);
}
