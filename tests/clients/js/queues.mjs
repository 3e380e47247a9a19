// Queues, shared by JavaScript and Python.

import assert from "node:assert/strict";
import { test } from "node:test";
import { InvalidError, ModalClient, NotFoundError, QueueEmptyError, QueueFullError } from "modal";

const modal = new ModalClient();

test("put, get, len, iterate, partitions", async () => {
  const queue = await modal.queues.ephemeral();
  await queue.put(1);
  await queue.putMany(["two", { three: [3.5, null, true, new Uint8Array([7])] }]);
  await queue.put("left", { partition: "side" });
  assert.equal(await queue.len(), 3);
  assert.equal(await queue.len({ total: true }), 4);
  const seen = [];
  for await (const item of queue.iterate()) seen.push(item);
  assert.deepEqual(seen.slice(0, 2), [1, "two"]);
  assert.equal(await queue.get(), 1);
  assert.equal((await queue.getMany(5)).length, 2);
  assert.equal(await queue.get({ partition: "side" }), "left");
  await queue.putMany([1, 2]);
  await queue.clear({ all: true });
  assert.equal(await queue.len({ total: true }), 0);
  queue.closeEphemeral();
});

test("an empty queue, and one in which something arrives", async () => {
  const queue = await modal.queues.ephemeral();
  await assert.rejects(queue.get({ timeoutMs: 50 }), QueueEmptyError);
  const coming = queue.get();
  await queue.put("here");
  assert.equal(await coming, "here");
  queue.closeEphemeral();
});

test("a full partition", async () => {
  const queue = await modal.queues.ephemeral();
  await queue.putMany(Array.from({ length: 5000 }, (_, n) => n));
  await assert.rejects(queue.put("one more", { timeoutMs: 100 }), QueueFullError);
  const waiting = queue.put("later");
  assert.equal(await queue.get(), 0);
  await waiting;
  assert.equal(await queue.len(), 5000);
  queue.closeEphemeral();
});

test("what can never fit is an error at once", async () => {
  const queue = await modal.queues.ephemeral();
  await assert.rejects(queue.put(new Uint8Array(2 << 20)), /Item 0 has 2097161 bytes, and a Queue takes 1048576/);
  await assert.rejects(queue.putMany(Array.from({ length: 5001 }, () => 0)), /can never fit into a partition/);
  await assert.rejects(queue.put(1, { partition: "p".repeat(65) }), InvalidError);
  assert.equal(await queue.len({ total: true }), 0);
  queue.closeEphemeral();
});

test("items that Python puts and takes", async () => {
  const queue = await modal.queues.fromName("js-shared", { createIfMissing: true });
  const call = await (await modal.functions.fromName("js-app", "from_queue")).spawn(["js-shared"]);
  await queue.put({ a: [1, "ü"] });
  assert.equal(await call.get(), "dict");
  assert.deepEqual(await queue.get({ timeoutMs: 10_000 }), { from: "python", found: { a: [1, "ü"] } });
  await modal.queues.delete("js-shared");
});

test("a queue that is not there names the command that creates it", async () => {
  const said = (error) => error instanceof NotFoundError && /Create it with: modal queue create js-none/.test(error.message);
  await assert.rejects(modal.queues.fromName("js-none"), said);
  await assert.rejects(modal.queues.delete("js-none"), NotFoundError);
  await modal.queues.delete("js-none", { allowMissing: true });
});
