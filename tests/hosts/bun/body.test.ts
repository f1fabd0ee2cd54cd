/** Bodies of requests: read as far as they are wanted, and no longer than they may take. */

import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { createConnection } from "node:net";
import { type Body, readBody } from "../../../generated/local/src/body.ts";
import { until } from "./host-process.ts";

const MOST = 1025;

describe("readBody", () => {
  let server: Bun.Server<undefined>;
  let read: Body[];

  beforeEach(() => {
    read = [];
    server = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      maxRequestBodySize: Number.MAX_SAFE_INTEGER,
      fetch: async (request) => {
        read.push(await readBody(request, MOST, 500));
        return new Response("read");
      },
    });
  });

  afterEach(() => server.stop(true));

  /** Sends the beginning of a request, and no more. */
  function begin(head: string, body: string) {
    const socket = createConnection({ host: "127.0.0.1", port: server.port ?? 0 });
    socket.write(`POST / HTTP/1.1\r\nHost: x\r\n${head}\r\n\r\n${body}`);
    socket.on("error", () => {});
    return socket;
  }

  function pieces(size: number, count: number): ReadableStream<Uint8Array> {
    let left = count;
    return new ReadableStream({
      pull(controller) {
        if (left-- > 0) controller.enqueue(new Uint8Array(size).fill(7));
        else controller.close();
      },
    });
  }

  async function send(body: string | Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array> | null): Promise<Body> {
    await (await fetch(server.url, { method: "POST", body })).text();
    return read[0] as Body;
  }

  test("gives a body as it is", async () => {
    const { bytes, isComplete } = await send("ünïcode");
    expect(new TextDecoder().decode(bytes)).toBe("ünïcode");
    expect(bytes?.constructor).toBe(Uint8Array);
    expect(isComplete).toBe(true);
  });

  test("knows a request without a body", async () => {
    expect(await send(null)).toMatchObject({ isComplete: true });
  });

  test.each([1024, 1025])("gives all %i bytes", async (size) => {
    expect((await send(new Uint8Array(size).fill(7))).bytes?.length).toBe(size);
  });

  test("keeps no more than is wanted of one that is larger", async () => {
    const { bytes, isComplete } = await send(new Uint8Array(1_000_000).fill(7));
    expect([bytes?.length, bytes?.buffer.byteLength, isComplete]).toEqual([MOST, MOST, true]);
  });

  test("keeps no more than is wanted of one that does not say how large it is", async () => {
    const { bytes, isComplete } = await send(pieces(65_536, 100));
    expect([bytes?.length, isComplete]).toEqual([MOST, true]);
  });

  test("reads nothing of one that says it is far too large", async () => {
    const socket = begin("Content-Length: 999999999999", "x");
    await until(() => read.length > 0);
    expect(read).toEqual([{ bytes: undefined, isComplete: true }]);
    socket.destroy();
  });

  test("reads no further than a while of one that never ends", async () => {
    const { bytes } = await send(pieces(1_000_000, 40));
    expect(bytes?.length).toBe(MOST);
  });

  test.each(["Content-Length: 500", "Transfer-Encoding: chunked"])(
    "gives up one that comes too slowly: %s",
    async (head) => {
      const socket = begin(head, "3\r\nabc\r\n");
      await until(() => read.length > 0);
      expect(read[0]?.isComplete).toBe(false);
      socket.destroy();
    },
  );

  test("tells one that broke off", async () => {
    begin("Content-Length: 500", "abc").end();
    await until(() => read.length > 0);
    expect(read[0]?.isComplete).toBe(false);
  });
});
