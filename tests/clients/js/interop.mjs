// The engine's gRPC server as gRPC's own JavaScript implementation sees it, below the library.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Client, Metadata, compressionAlgorithms, credentials, status } from "@grpc/grpc-js";
import protobuf from "protobufjs";

const types = protobuf.parse(`syntax = "proto3";
  message QueueGetOrCreateRequest { string deployment_name = 1; int32 object_creation_type = 4; }
  message QueueGetOrCreateResponse { string queue_id = 1; }
  message QueueGetRequest { string queue_id = 1; float timeout = 3; int32 n_values = 4; }
  message QueueGetResponse { repeated bytes values = 2; }
  message QueuePutRequest { string queue_id = 1; repeated bytes values = 4; int32 partition_ttl_seconds = 6; }
  message QueueLenRequest { string queue_id = 1; }
  message QueueLenResponse { int32 len = 1; }
  message Empty { }`, { keepCase: true }).root;
const address = new URL(process.env.MODAL_SERVER_URL).host;

function credentialsOf(secret = process.env.MODAL_TOKEN_SECRET) {
  const metadata = new Metadata();
  metadata.set("x-modal-token-id", process.env.MODAL_TOKEN_ID);
  metadata.set("x-modal-token-secret", secret);
  return metadata;
}

// One request; gives the call too, which knows the peer and can be cancelled.
function start(client, name, message, { options = {}, metadata = credentialsOf(), answer } = {}) {
  const [question, reply] = [types.lookupType(`${name}Request`), types.lookupType(answer ?? `${name}Response`)];
  let call;
  const done = new Promise((resolve, reject) => {
    call = client.makeUnaryRequest(
      `/modal.client.ModalClient/${name}`,
      (value) => Buffer.from(question.encode(value).finish()),
      (bytes) => reply.decode(bytes),
      question.create(message), metadata, options,
      (error, value) => (error ? reject(error) : resolve(value)),
    );
  });
  return { call, done };
}
const ask = (...given) => start(...given).done;

async function withQueue(options, story) {
  const client = new Client(address, credentials.createInsecure(), options);
  try {
    const { queue_id } = await ask(client, "QueueGetOrCreate", { object_creation_type: 5 });
    await story(client, queue_id);
  } finally {
    client.close();
  }
}
const put = (client, queue_id, values, given = {}) =>
  ask(client, "QueuePut", { queue_id, values, partition_ttl_seconds: 60 }, { ...given, answer: "Empty" });

test("keepalive pings while a request waits, and on an idle connection", async () => {
  const often = { "grpc.keepalive_time_ms": 20, "grpc.keepalive_timeout_ms": 2000, "grpc.keepalive_permit_without_calls": 1 };
  await withQueue(often, async (client, queue_id) => {
    const waiting = ask(client, "QueueGet", { queue_id, timeout: 20, n_values: 1 });
    await new Promise((resolve) => setTimeout(resolve, 300)); // fifteen pings
    await put(client, queue_id, [Buffer.from("item")]);
    assert.equal((await waiting).values[0].toString(), "item");
    assert.equal((await ask(client, "QueueLen", { queue_id })).len, 0);
  });
});

test("messages longer than the window of a stream, both ways", async () => {
  await withQueue({}, async (client, queue_id) => {
    const values = Array.from({ length: 12 }, (_, n) => Buffer.alloc(1_000_000, n));
    await put(client, queue_id, values);
    const back = await ask(client, "QueueGet", { queue_id, timeout: 5, n_values: 12 }, { options: {} }).catch((error) => error);
    assert.equal(back.code, status.RESOURCE_EXHAUSTED); // the client's own limit of 4 MiB for what it receives
  });
  await withQueue({ "grpc.max_receive_message_length": -1 }, async (client, queue_id) => {
    const values = Array.from({ length: 12 }, (_, n) => Buffer.alloc(1_000_000, n));
    await put(client, queue_id, values);
    const back = await ask(client, "QueueGet", { queue_id, timeout: 5, n_values: 12 });
    assert.deepEqual(back.values.map((value) => [value.length, value[0]]), values.map((value) => [value.length, value[0]]));
  });
});

test("three hundred requests at once on one connection", async () => {
  await withQueue({}, async (client, queue_id) => {
    const asked = Array.from({ length: 300 }, () => ask(client, "QueueLen", { queue_id }));
    assert.deepEqual(new Set((await Promise.all(asked)).map(({ len }) => len)), new Set([0]));
  });
});

test("a deadline is kept, and a cancelled request is forgotten", async () => {
  await withQueue({}, async (client, queue_id) => {
    const wait = { queue_id, timeout: 30, n_values: 1 };
    const late = await ask(client, "QueueGet", wait, { options: { deadline: Date.now() + 100 } }).catch((error) => error);
    assert.equal(late.code, status.DEADLINE_EXCEEDED);
    const { call, done } = start(client, "QueueGet", wait);
    done.catch(() => {});
    await ask(client, "QueueLen", { queue_id }); // the request before it has arrived
    call.cancel();
    assert.equal((await done.catch((error) => error)).code, status.CANCELLED);
    await ask(client, "QueueLen", { queue_id }); // and so has the word that it is over
    await put(client, queue_id, [Buffer.from("kept")]); // for neither of the two that left
    assert.equal((await ask(client, "QueueGet", wait)).values[0].toString(), "kept");
  });
});

test("an error's sentence arrives as it was written", async () => {
  await withQueue({}, async (client) => {
    const name = "grüße %41 \u{1F642}";
    const error = await ask(client, "QueueGetOrCreate", { deployment_name: name }).catch((thrown) => thrown);
    assert.ok(error.code === status.NOT_FOUND || error.code === status.INVALID_ARGUMENT, error);
    assert.ok(error.details.includes(name), error.details);
  });
});

test("warnings come in the trailers", async () => {
  await withQueue({}, async (client) => {
    const metadata = credentialsOf();
    metadata.set("x-modal-client-type", "8");
    metadata.set("x-modal-libmodal-version", "modal-js/99.0.0");
    types.add(new protobuf.Type("AuthTokenGetRequest")).add(new protobuf.Type("AuthTokenGetResponse"));
    const { call, done } = start(client, "AuthTokenGet", {}, { metadata });
    const trailers = new Promise((resolve) => call.on("status", (end) => resolve(end.metadata)));
    await done;
    const [warning] = (await trailers).get("x-modal-warning");
    assert.match(decodeURIComponent(warning), /99\.0\.0 of the JavaScript library, newer than/);
  });
});

test("compressed messages are refused, with what is accepted", async () => {
  await withQueue({}, async (client, queue_id) => {
    const zipped = new Client(address, credentials.createInsecure(), {
      "grpc.default_compression_algorithm": compressionAlgorithms.gzip,
    });
    const refused = await put(zipped, queue_id, [Buffer.alloc(10_000)]).catch((error) => error);
    zipped.close();
    assert.equal(refused.code, status.UNIMPLEMENTED);
    assert.match(refused.details, /Compressed messages are not served/);
    assert.equal((await ask(client, "QueueLen", { queue_id })).len, 0);
  });
});

test("without the token nothing is served, and RPCs that are not known are named", async () => {
  await withQueue({}, async (client) => {
    const stranger = await ask(client, "QueueGetOrCreate", {}, { metadata: credentialsOf("as-wrong") }).catch((error) => error);
    assert.equal(stranger.code, status.UNAUTHENTICATED);
    types.add(new protobuf.Type("QueueFlyRequest")).add(new protobuf.Type("QueueFlyResponse"));
    const unknown = await ask(client, "QueueFly", {}).catch((error) => error);
    assert.equal(unknown.code, status.UNIMPLEMENTED);
    assert.match(unknown.details, /does not know the RPC QueueFly/);
  });
});
