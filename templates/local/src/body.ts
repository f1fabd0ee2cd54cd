/** Reads the body of a request as far as it is wanted, whatever its sender says of it, and however slowly it comes. */

// A client that sends more than is wanted is read on for a while, so that it sees the answer and not a broken connection.
const MOST_DRAINED_BYTES = 16 * 1024 * 1024;
const MOST_MILLISECONDS = 60_000;

/** A body; one that is not complete has broken off, or took too long. */
export interface Body {
  bytes: Uint8Array | undefined;
  isComplete: boolean;
}

/** The first bytes of a request's body, `most` of them at most: with so many, it is longer than what is wanted. */
export async function readBody(request: Request, most: number, milliseconds = MOST_MILLISECONDS): Promise<Body> {
  if (request.body === null || Number(request.headers.get("content-length")) > MOST_DRAINED_BYTES) {
    return { bytes: undefined, isComplete: true };
  }
  const reader = request.body.getReader();
  const timer = setTimeout(() => void reader.cancel().catch(() => {}), milliseconds);
  const end = Date.now() + milliseconds;
  const chunks: Uint8Array[] = [];
  let kept = 0;
  let seen = 0;
  try {
    while (seen < MOST_DRAINED_BYTES) {
      const { value, done } = await reader.read();
      if (done) return { bytes: joined(chunks), isComplete: Date.now() < end };
      seen += value.length;
      // A copy, since what is left over must not be kept with it.
      const wanted = value.slice(0, most - kept);
      if (wanted.length > 0) chunks.push(wanted);
      kept += wanted.length;
    }
    return { bytes: joined(chunks), isComplete: true };
  } catch {
    return { bytes: joined(chunks), isComplete: kept >= most };
  } finally {
    clearTimeout(timer);
    void reader.cancel().catch(() => {});
  }
}

/** Pyodide knows no `Buffer`. */
function joined(chunks: readonly Uint8Array[]): Uint8Array {
  const all = Buffer.concat(chunks);
  return new Uint8Array(all.buffer, all.byteOffset, all.length);
}
