/** Makes Qdrant's client read no more of an answer than it may, and follow no redirect: it has no setting for either. */

import { ApiError, Fetcher } from "@qdrant/openapi-typescript-fetch";
import { VectorServerRefusal } from "./errors.ts";

// As deep as the core reads JSON; Qdrant's own is some ten levels deep.
const MAX_DEPTH = 200;
const CHECK_URL = "Check vector_store.url, and change it";

/** Makes a client whose calls are limited; its constructor takes its way to the network from the package's own factory. */
export function withLimits<Client>(server: string, maxBytes: number, make: () => Client): Client {
  const original = Fetcher.for;
  Fetcher.for = (() => {
    const fetcher = original();
    const { configure } = fetcher;
    fetcher.configure = (config) =>
      configure({ ...config, use: [...(config.use ?? []), (url, init) => call(server, maxBytes, url, init)] });
    return fetcher;
  }) as typeof Fetcher.for;
  try {
    return make();
  } finally {
    Fetcher.for = original;
  }
}

async function call(server: string, maxBytes: number, url: string, init: RequestInit) {
  const answer = await fetch(url, { ...init, redirect: "manual" });
  if (answer.status >= 300 && answer.status < 400) {
    void answer.body?.cancel();
    throw new VectorServerRefusal(
      server,
      `redirects (status ${answer.status}) to ${place(answer, url)}, where nothing is sent`,
      CHECK_URL,
    );
  }
  const text = new TextDecoder().decode(await read(server, maxBytes, answer));
  const { headers, ok, status, statusText } = answer;
  const result = { headers, url: answer.url, ok, status, statusText, data: parse(text, ok) };
  if (!ok) throw new ApiError(result);
  return result;
}

/** The whole body, unpacked; one that is too large is left at once. */
async function read(server: string, maxBytes: number, answer: Response): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  const reader = answer.body?.getReader();
  for (let size = 0; reader; ) {
    const { value } = await reader.read();
    if (!value) break;
    size += value.byteLength;
    if (size > maxBytes) {
      void reader.cancel();
      throw new VectorServerRefusal(server, `sent more than ${maxBytes >> 20} MiB as an answer`, CHECK_URL);
    }
    pieces.push(value);
  }
  return Buffer.concat(pieces);
}

/** What a text says in JSON; an error may also be plain text. */
function parse(text: string, ok: boolean): unknown {
  try {
    if (isTooDeep(text)) throw new SyntaxError("JSON is nested too deep");
    return JSON.parse(text);
  } catch (error) {
    if (ok) throw error;
    return text;
  }
}

/** Whether brackets are nested deeper than can be read without danger; those inside of texts do not count. */
function isTooDeep(text: string): boolean {
  let depth = 0;
  for (const [mark] of text.matchAll(/[{}[\]]|"[^"\\]*(?:\\.[^"\\]*)*"?/gs)) {
    if (mark === "{" || mark === "[") depth++;
    else if (mark === "}" || mark === "]") depth--;
    if (depth > MAX_DEPTH) return true;
  }
  return false;
}

/** Where a redirect leads, without its query, which may repeat a key. */
function place(answer: Response, url: string): string {
  const target = URL.parse(answer.headers.get("location") ?? "", url);
  return target ? target.origin + target.pathname : "another address";
}
