// Sandboxes: made, written to, read from and ended from JavaScript.

import assert from "node:assert/strict";
import { test } from "node:test";
import { ModalClient, NotFoundError, SandboxFilesystemNotFoundError } from "modal";

const modal = new ModalClient();
const app = await modal.apps.fromName("js-sandboxes", { createIfMissing: true });
const image = modal.images.fromRegistry("python:3.11-slim");

test("a command, what it reads and prints, and its status", async () => {
  const sandbox = await modal.sandboxes.create(app, image, { command: ["sh", "-c", "read line; echo got $line; exit 3"] });
  assert.equal(await sandbox.poll(), null);
  const stdin = sandbox.stdin;
  await stdin.writeText("a line\n");
  assert.equal(await sandbox.wait(), 3);
  assert.equal(await sandbox.stdout.readText(), "got a line\n");
});

test("commands beside it, with secrets, env and a volume", async () => {
  const volume = await modal.volumes.ephemeral();
  const secret = await modal.secrets.fromObject({ KEPT: "secret" });
  const sandbox = await modal.sandboxes.create(app, image, { secrets: [secret], volumes: { "/mnt/v": volume }, env: { A: "env" } });
  const ran = await sandbox.exec(["sh", "-c", "echo $KEPT $A $B; echo oops >&2; echo kept > /mnt/v/file; exit 5"], { env: { B: "own" } });
  assert.equal(await ran.stdout.readText(), "secret env own\n");
  assert.equal(await ran.stderr.readText(), "oops\n");
  assert.equal(await ran.wait(), 5);
  const piped = await sandbox.exec(["cat"]);
  const writer = piped.stdin.getWriter();
  await writer.write("typed");
  await writer.close();
  assert.equal(await piped.stdout.readText(), "typed");
  const long = await sandbox.exec(["head", "-c", "3000000", "/dev/zero"], { mode: "binary" });
  assert.equal((await long.stdout.readBytes()).length, 3_000_000);
  assert.equal(await sandbox.terminate({ wait: true }), 137);
  assert.equal(await sandbox.poll(), 137);
  volume.closeEphemeral();
});

test("files", async () => {
  const sandbox = await modal.sandboxes.create(app, image);
  await sandbox.filesystem.writeText("hello", "/root/made/a.txt");
  assert.equal(await sandbox.filesystem.readText("/root/made/a.txt"), "hello");
  assert.deepEqual((await sandbox.filesystem.listFiles("/root/made")).map(({ name }) => name), ["a.txt"]);
  await assert.rejects(sandbox.filesystem.readText("/root/none"), SandboxFilesystemNotFoundError);
  await assert.rejects(sandbox.tunnels(), /does not serve the RPC SandboxGetTunnels/);
  await sandbox.terminate({ wait: true });
});

test("found by id, name and tags, and not found", async () => {
  const sandbox = await modal.sandboxes.create(app, image, { name: "js-one", tags: { kind: "js" } });
  assert.equal((await modal.sandboxes.fromName("js-sandboxes", "js-one")).sandboxId, sandbox.sandboxId);
  const found = [];
  for await (const each of modal.sandboxes.list({ appId: app.appId, tags: { kind: "js" } })) found.push(each.sandboxId);
  assert.deepEqual(found, [sandbox.sandboxId]);
  await (await modal.sandboxes.fromId(sandbox.sandboxId)).terminate({ wait: true });
  await assert.rejects(modal.sandboxes.fromName("js-sandboxes", "js-none"), NotFoundError);
  await assert.rejects((await modal.sandboxes.fromId("sb-0000000000000000000000")).poll(), /sb-0000000000000000000000/);
});
