// Secrets, volumes, apps, environments and images.

import assert from "node:assert/strict";
import { test } from "node:test";
import { InvalidError, ModalClient, NotFoundError } from "modal";

const modal = new ModalClient();
const find = (name) => modal.functions.fromName("js-app", name);

test("secrets from an object, by name, and as env", async () => {
  const variable = await find("variable");
  const named = await modal.secrets.fromName("js-keys", { requiredKeys: ["KEY"] });
  const made = await modal.secrets.fromObject({ MADE: "of an object" });
  const set = await variable.withOptions({ secrets: [named, made], env: { LATER: "yes" } }).instance();
  assert.equal(await set.remote(["KEY"]), "value");
  assert.equal(await set.remote(["MADE"]), "of an object");
  assert.equal(await set.remote(["LATER"]), "yes");
  assert.equal(await variable.remote(["KEY"]), null);
});

test("secrets that are not there, lack a key or have a bad one", async () => {
  await assert.rejects(modal.secrets.fromName("js-none"), /Create it with: modal secret create js-none/);
  await assert.rejects(modal.secrets.fromName("js-keys", { requiredKeys: ["KEX"] }), /lacks the required key KEX/);
  await assert.rejects(modal.secrets.fromObject({ "A-B": "1" }), InvalidError);
});

test("a volume by name, read-only, in another version, and deleted", async () => {
  const volume = await modal.volumes.fromName("js-volume", { createIfMissing: true });
  const write = await find("write");
  const into = async (mounted) => (await write.withOptions({ volumes: { "/mnt/v": mounted } }).instance()).remote(["/mnt/v/a.txt", "hi"]);
  assert.deepEqual(await into(volume), ["a.txt"]);
  await assert.rejects(into(volume.withMountOptions({ readOnly: true })), /Read-only file system|Permission denied/);
  await assert.rejects(modal.volumes.fromName("js-volume", { version: 1 }), /has version v2, not v1/);
  await modal.volumes.delete("js-volume");
  await assert.rejects(modal.volumes.fromName("js-volume"), NotFoundError);
});

test("an ephemeral volume", async () => {
  const volume = await modal.volumes.ephemeral();
  const write = await (await find("write")).withOptions({ volumes: { "/mnt/v": volume } }).instance();
  assert.deepEqual(await write.remote(["/mnt/v/b.txt", "hi"]), ["b.txt"]);
  volume.closeEphemeral();
});

test("apps and environments", async () => {
  const app = await modal.apps.fromName("js-app");
  assert.equal((await app.info()).lifecycle.state, "deployed");
  await assert.rejects(modal.apps.fromName("js-no-app"), NotFoundError);
  await modal.environments.objects.create("js-dev");
  const names = [];
  for await (const environment of modal.environments.objects.list()) names.push(environment.name);
  assert.ok(names.includes("js-dev") && names.includes("main"), names);
  const apps = [];
  for await (const listed of (await modal.environments.fromName("main")).apps.list()) apps.push(listed.name);
  assert.ok(apps.includes("js-app"), apps);
  await modal.environments.objects.delete("js-dev");
  await assert.rejects(modal.functions.fromName("js-app", "add", { environment: "js-dev" }), NotFoundError);
});

test("an image is built, step by step", async () => {
  const app = await modal.apps.fromName("js-app");
  const image = modal.images.fromRegistry("python:3.11-slim");
  const built = await image.dockerfileCommands(["RUN mkdir -p /opt/js && echo built > /opt/js/proof"]).build(app);
  assert.match(built.imageId, /^im-/);
  assert.equal((await modal.images.fromId(built.imageId)).imageId, built.imageId);
  await assert.rejects(image.dockerfileCommands(["RUN echo it broke >&2; exit 7"]).build(app), /it broke|exit|7/);
  await assert.rejects(modal.images.fromId("im-0000000000000000000000"), NotFoundError);
});

test("a wrong token is refused with the cure", async () => {
  const stranger = new ModalClient({ tokenId: "ak-wrong", tokenSecret: "as-wrong" });
  await assert.rejects(stranger.functions.fromName("js-app", "add"), /does not know the token.*homeport env/);
});
