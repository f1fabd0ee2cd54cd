/** HTTP for the core, over Bun's `fetch`: answers that are read piece by piece. */

import { fetchFailure } from "./fetch-failure.ts";

// Bun hands a body over in pieces of 64 KiB or so; each that crosses into Python has its price, so some are joined.
const PIECE_BYTES = 256 * 1024;

/** A piece of a body, good until the next one is read; without bytes, its end or, with a failure, a break. */
export interface BodyPiece {
  bytes: Uint8Array;
  failure: string;
}

/** An HTTP answer whose body is still to be read, or, with status 0, the reason why there was none. */
export interface HttpStream {
  status: number;
  headersJson: string;
  failure: string;
  /** Reads on; one call at a time. */
  read(): Promise<BodyPiece>;
  /** Closes the connection, unless the body was read to its end. */
  close(): void;
}

/**
 * Sends an HTTP request; the answer's body is fetched only as fast as it is read, and a redirect is an answer.
 *
 * @param timeoutSeconds bounds the whole, from now to the end of the body.
 */
export async function openStream(
  method: string,
  url: string,
  headersJson: string,
  body: Uint8Array | undefined,
  timeoutSeconds: number,
): Promise<HttpStream> {
  const closing = new AbortController();
  const expire = () => closing.abort(new DOMException("The time is up.", "TimeoutError"));
  const timer = setTimeout(expire, timeoutSeconds * 1000);
  const close = () => {
    clearTimeout(timer);
    closing.abort();
  };
  try {
    const answer = await send(method, url, headersJson, body, closing.signal);
    const pieces = new Body(answer.body, timeoutSeconds);
    return { status: answer.status, headersJson: headersOf(answer), failure: "", read: () => pieces.read(), close };
  } catch (error) {
    close();
    const failure = fetchFailure(error, timeoutSeconds);
    return { status: 0, headersJson: "{}", failure, read: async () => ({ bytes: new Uint8Array(), failure }), close };
  }
}

interface Reader {
  read(): Promise<{ value?: Uint8Array | undefined }>;
}

/** Hands out a body in pieces of some size, in memory that is given back at once: the garbage collector is too slow. */
class Body {
  readonly #reader: Reader | undefined;
  readonly #timeoutSeconds: number;
  #last = new Uint8Array();

  constructor(stream: ReadableStream<Uint8Array> | null, timeoutSeconds: number) {
    this.#reader = stream?.getReader();
    this.#timeoutSeconds = timeoutSeconds;
  }

  async read(): Promise<BodyPiece> {
    release(this.#last);
    let failure = "";
    try {
      this.#last = await this.#next();
    } catch (error) {
      this.#last = new Uint8Array();
      failure = fetchFailure(error, this.#timeoutSeconds);
    }
    return { bytes: this.#last, failure };
  }

  async #next(): Promise<Uint8Array<ArrayBuffer>> {
    const parts: Uint8Array[] = [];
    let size = 0;
    // Bun raises an error when a body ends before the length that was announced, or before its last chunk.
    while (this.#reader && size < PIECE_BYTES) {
      const { value } = await this.#reader.read();
      if (!value) break;
      parts.push(value);
      size += value.byteLength;
    }
    const piece = new Uint8Array(size);
    let offset = 0;
    for (const part of parts) {
      piece.set(part, offset);
      offset += part.byteLength;
      release(part);
    }
    return piece;
  }
}

/** Frees the memory of an array that nobody uses any more. */
function release(array: Uint8Array): void {
  (array.buffer as ArrayBuffer).transfer(0);
}

async function send(
  method: string,
  url: string,
  headersJson: string,
  body: Uint8Array | undefined,
  signal: AbortSignal,
): Promise<Response> {
  // Bun's fetch would read files, too.
  if (!/^https?:\/\//i.test(url)) throw new TypeError("it is not an http or https address");
  return await fetch(url, {
    method,
    headers: JSON.parse(headersJson) as Record<string, string>,
    redirect: "manual",
    signal,
    ...(body === undefined ? {} : { body: new Uint8Array(body) }),
  });
}

function headersOf(answer: Response): string {
  return JSON.stringify(Object.fromEntries(answer.headers));
}
