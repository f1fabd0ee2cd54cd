/**
 * `BunHttpClient` in Pyodide, as the core uses it. As a program it streams from the address that it is given, and prints
 * how many bytes came and how much memory that took.
 */

import { openStream } from "../../../generated/local/src/http-client.ts";
import { loadPython } from "../../../generated/local/src/pyodide-host.ts";

const PROGRAM = `
import hashlib, json

from bun_host.http import BunHttpClient
from ossgard.errors import ConnectionFailure


async def read(host, url, timeout_seconds, most_chunks):
    sizes, digest, failure, status, headers = [], hashlib.sha256(), None, None, {}
    try:
        client = BunHttpClient(host)
        async with client.stream("GET", url, headers={"X-Token": "t"}, timeout_seconds=timeout_seconds) as answer:
            status, headers = answer.status, answer.headers
            async for chunk in answer.chunks:
                assert type(chunk) is bytes
                sizes.append(len(chunk))
                digest.update(chunk)
                if len(sizes) == most_chunks:
                    break
    except ConnectionFailure as error:
        failure = str(error)
    return json.dumps(
        {"status": status, "headers": headers, "sizes": sizes, "sha256": digest.hexdigest(), "failure": failure}
    )


read
`;

/** What Python saw of an answer; `failure` is the text of the error that it met. */
export interface Reading {
  status: number | null;
  headers: Record<string, string>;
  sizes: number[];
  sha256: string;
  failure: string | null;
}

/** Reads a stream; with `mostChunks`, leaves it early. */
export type ReadStream = (url: string, timeoutSeconds?: number, mostChunks?: number) => Promise<Reading>;

/** Starts Python. */
export async function bootClient(): Promise<ReadStream> {
  const python = await loadPython();
  const read = python.runPython(PROGRAM);
  return async (url, timeoutSeconds = 10, mostChunks = -1) =>
    JSON.parse(await read({ openStream }, url, timeoutSeconds, mostChunks)) as Reading;
}

async function main(url: string): Promise<void> {
  const read = await bootClient();
  // Whatever is loaded or compiled once is not the stream's.
  await read(url, 60, 8);
  const before = process.memoryUsage.rss();
  let peak = before;
  const watch = setInterval(() => {
    peak = Math.max(peak, process.memoryUsage.rss());
  }, 5);
  const start = performance.now();
  const { sizes, failure } = await read(url, 60);
  const seconds = (performance.now() - start) / 1000;
  clearInterval(watch);
  const bytes = sizes.reduce((sum, size) => sum + size, 0);
  console.log(JSON.stringify({ bytes, chunks: sizes.length, failure, grown: peak - before, seconds }));
}

if (import.meta.main) await main(process.argv[2] ?? "");
