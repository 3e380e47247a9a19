"""Secrets' values in the source, where a statement's own line is not where it begins."""

from tests.support.check import findings_of

KEY = "9f3c1d7be02a45586c1e77d2ab90f4c3e6581d07"


def test_a_value_in_a_decorator_is_found() -> None:
    text = f"""
        import modal

        app = modal.App("train")

        @app.function(
            timeout=600,
            secrets=[modal.Secret.from_dict({{"WANDB_API_KEY": "{KEY}"}})],
        )
        def train():
            print("hello")
        """
    (finding,) = findings_of({"app.py": text}, only="HP207")
    assert finding.site.line == 7
    assert KEY not in finding.message
