/** Reads the body of a request as far as the core has a use for it, so that no client can fill the memory. */

import { MAX_BODY_BYTES } from "./spec/settings.ts";

// A client that sends more than allowed is read on for a while, so that it sees the answer and not a broken connection.
const MAX_DRAINED_BYTES = 16 * MAX_BODY_BYTES;

/** The body, or one byte more than it may have: the core then says that it is too large. */
export async function readBody(body: ReadableStream<Uint8Array>): Promise<Uint8Array> {
  const kept = new Bun.ArrayBufferSink();
  kept.start({ asUint8Array: true });
  let size = 0;
  for await (const chunk of body) {
    const room = MAX_BODY_BYTES + 1 - size;
    if (room > 0) kept.write(chunk.subarray(0, room));
    size += chunk.byteLength;
    if (size > MAX_DRAINED_BYTES) break;
  }
  return kept.end() as Uint8Array;
}
