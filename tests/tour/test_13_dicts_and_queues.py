"""Dicts and Queues: values that functions and clients share, by name or for the length of a `with` block."""

import json

import pytest


@pytest.mark.once_as("user")
def test_a_dict_is_a_dictionary_that_containers_and_clients_share(modal, write):
    write(
        "app.py",
        """
        import modal

        app = modal.App("tour-dict")
        scores = modal.Dict.from_name("tour-scores", create_if_missing=True)


        @app.function()
        def train(fold):
            scores[f"fold {fold}"] = {"loss": fold / 10}
            return scores["seed"]


        @app.local_entrypoint()
        def main():
            scores["seed"] = 42
            print("SEEN", list(train.map(range(3))))
            print("SCORES", sorted((key, value["loss"]) for key, value in scores.items() if key != "seed"))
            print("KEYS", sorted(scores.keys()), "LENGTH", scores.len())
            print("CONTAINS", "seed" in scores, "nothing" in scores, scores.get("nothing", "default"))
            print("PUT", *[scores.put(key, 1, skip_if_exists=True) for key in ("seed", "new")])
            scores.update({"a": 1, ("any", "key"): 2}, b=3)
            print("POP", scores.pop("a"), scores.pop("a", "gone"), scores.pop(("any", "key")))
            try:
                scores["a"]
            except KeyError:
                print("KEYERROR")
            print("VALUES", sorted(value for value in scores.values() if isinstance(value, int)))
        """,
    )
    said = modal("run", "app.py").lines
    assert "SEEN [42, 42, 42]" in said
    assert "SCORES [('fold 0', 0.0), ('fold 1', 0.1), ('fold 2', 0.2)]" in said
    assert "KEYS ['fold 0', 'fold 1', 'fold 2', 'seed'] LENGTH 4" in said
    assert "CONTAINS True False default" in said
    assert "PUT False True" in said
    assert "POP 1 gone 2" in said
    assert "KEYERROR" in said
    assert "VALUES [1, 3, 42]" in said
    # it outlives the app, and is there for the command as well
    assert modal("dict", "get", "tour-scores", "seed").out.strip() == "42"
    assert "fold 2" in modal("dict", "items", "tour-scores").out
    assert "tour-scores" in modal("dict", "list").out
    modal("dict", "clear", "--yes", "tour-scores")
    assert json.loads(modal("dict", "items", "tour-scores", "--json").out) == []
    modal("dict", "delete", "--yes", "tour-scores")
    assert "tour-scores" not in modal("dict", "list").out


@pytest.mark.once_as("root")
def test_a_queue_hands_work_from_a_client_to_a_container_and_results_back(modal, write):
    write(
        "app.py",
        """
        import modal

        app = modal.App("tour-queue")


        @app.function()
        def square(jobs, results_id):
            results = modal.Queue.from_id(results_id)
            while (job := jobs.get()) is not None:  # waits for the next one
                results.put(job * job)


        @app.local_entrypoint()
        def main():
            with modal.Queue.ephemeral() as jobs, modal.Queue.ephemeral() as results:
                call = square.spawn(jobs, results.object_id)
                for number in range(5):
                    jobs.put(number)
                print("RESULTS", [results.get(timeout=30) for _ in range(5)])
                jobs.put(None)
                call.get()
        """,
    )
    assert "RESULTS [0, 1, 4, 9, 16]" in modal("run", "app.py").lines


@pytest.mark.once_as("user")
def test_a_queue_has_partitions_that_do_not_see_each_other(python, modal, write):
    write(
        "queues.py",
        """
        import queue

        import modal

        work = modal.Queue.from_name("tour-work", create_if_missing=True)
        work.put_many([1, 2, 3])
        work.put("alpha", partition="a")
        work.put("beta", partition="b", partition_ttl=60)
        print("PEEK", list(work.iterate()))
        print("LENGTH", work.len(), work.len(partition="a"), work.len(total=True))
        print("GET", work.get(), work.get(partition="b"), work.get_many(10))
        print("EMPTY", work.get(block=False), work.get_many(5, block=False))
        try:
            work.get(timeout=0.2)
        except queue.Empty:
            print("TIMEOUT")
        work.clear(all=True)
        print("CLEARED", work.len(total=True))
        work.put_many(["x", "y"], partition="left")
        """,
    )
    said = python("queues.py").lines
    assert "PEEK [1, 2, 3]" in said
    assert "LENGTH 3 1 5" in said
    assert "GET 1 beta [2, 3]" in said
    assert "EMPTY None []" in said
    assert "TIMEOUT" in said
    assert "CLEARED 0" in said
    assert modal("queue", "peek", "-p", "left", "tour-work", "5").lines == ["x", "y"]
    assert modal("queue", "len", "--total", "tour-work").out.strip() == "2"
    (row,) = [r for r in modal("queue", "list", "--json").rows if r["name"] == "tour-work"]
    assert (int(row["partitions"]), int(row["total_size"])) == (1, 2)
    modal("queue", "clear", "--all", "--yes", "tour-work")
    assert modal("queue", "len", "--total", "tour-work").out.strip() == "0"
    modal("queue", "delete", "--yes", "tour-work")


@pytest.mark.once_as("root")
def test_what_does_not_exist_is_named_with_the_command_that_creates_it(modal):
    for kind in ("dict", "queue"):
        modal(kind, "create", f"tour-{kind}")
        modal(kind, "create", f"tour-{kind}")  # a second time changes nothing
        modal(kind, "delete", "--yes", f"tour-{kind}")
        said = modal(kind, "delete", "--yes", f"tour-{kind}", fails=True)
        assert f"modal {kind} create tour-{kind}" in said.text
        assert "Traceback" not in said.text
        modal(kind, "delete", "--yes", "--allow-missing", f"tour-{kind}")


@pytest.mark.once_as("user")
def test_objects_are_created_listed_and_deleted_from_python_and_environments_keep_them_apart(
    python, modal, write
):
    write(
        "objects.py",
        """
        import modal
        from modal.exception import AlreadyExistsError, NotFoundError

        for kind in (modal.Dict, modal.Queue):
            kind.objects.create("tour-object")
            try:
                kind.objects.create("tour-object")
            except AlreadyExistsError:
                print("EXISTS")
            kind.objects.create("tour-object", allow_existing=True)
            kind.objects.create("tour-object", environment_name="tour-other")
            here, there = (kind.objects.list(environment_name=name) for name in ("main", "tour-other"))
            print("LISTED", [[made.name for made in found] for found in (here, there)])
            found = kind.from_name("tour-object").hydrate()
            print("INFO", found.info().name, found.object_id == here[0].object_id)
            kind.objects.delete("tour-object")
            try:
                kind.from_name("tour-object").hydrate()
            except NotFoundError:
                print("GONE", kind.from_name("tour-object", environment_name="tour-other").len())
        """,
    )
    modal("environment", "create", "tour-other")
    said = python("objects.py").lines
    assert said == 2 * [
        "EXISTS",
        "LISTED [['tour-object'], ['tour-object']]",
        "INFO tour-object True",
        "GONE 0",
    ]
    assert "Dict tour-object" in modal("environment", "delete", "--yes", "tour-other", fails=True).text
    for kind in ("dict", "queue"):
        modal(kind, "delete", "--yes", "--env", "tour-other", "tour-object")
    modal("environment", "delete", "--yes", "tour-other")
