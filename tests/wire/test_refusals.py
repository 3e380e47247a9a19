"""What is not served is refused by its name; what means nothing on one machine is said once."""

import pytest

pytestmark = pytest.mark.once_as("root")

PYTHON = """
    import modal

    app = modal.App("wire-refusals")


    def serve():
        pass


    class Cat:
        @modal.method()
        def meow(self):
            pass


    web = modal.Image.debian_slim().pip_install("fastapi")
    REFUSED = {
        "web endpoint": lambda: app.function(serialized=True)(
            modal.asgi_app(custom_domains=["cats.example"])(serve)
        ),
        "class": lambda: app.cls(serialized=True, block_network=True)(Cat),
        "CloudBucketMount": lambda: app.function(
            serialized=True, volumes={"/bucket": modal.CloudBucketMount("bucket")}
        )(serve),
        "block_network": lambda: app.function(serialized=True, block_network=True)(serve),
        "proxy": lambda: app.function(serialized=True, proxy=modal.Proxy.from_name("static-ip"))(serve),
    }
    for name, define in REFUSED.items():
        app = modal.App("wire-refusals")
        try:
            define()
            with app.run():
                print("SERVED", name)
        except Exception as error:
            print("REFUSED", name, "|", type(error).__name__, "|", error)
    """


@pytest.fixture
def refusals(python, write):
    """What the client raises for each feature, by the name under which it is tried."""
    write("script.py", PYTHON)
    lines = [line.split("|") for line in python("script.py", timeout_s=60).lines if "|" in line]
    return {line[0].split(maxsplit=1)[1].strip(): line[-1] for line in lines}


def test_features_that_are_not_served_are_refused_by_name(refusals):
    said = {
        "web endpoint": "custom_domains=",
        "class": "block_network=True",
        "CloudBucketMount": "CloudBucketMount",
        "block_network": "block_network=True",
        "proxy": "Proxy",
    }
    for name, words in said.items():
        assert words in refusals[name], name


def test_an_option_without_meaning_on_one_machine_is_named_once(modal, write):
    write(
        "app.py",
        """
        import modal

        app = modal.App("wire-region")


        @app.function(region="eu", nonpreemptible=True)
        def hello():
            print("hello")


        @app.local_entrypoint()
        def main():
            hello.remote()
            hello.remote()
        """,
    )
    said = modal("run", "app.py")
    assert said.lines.count("hello") == 2
    assert said.text.count("region=") == 1
