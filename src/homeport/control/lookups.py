"""Functions and classes of deployed apps, looked up by name."""

from homeport.control.apps import Apps
from homeport.control.classes import SERVICE
from homeport.model.errors import NotFoundError, NotServedError


class Lookups:
    """What `from_name` finds."""

    def __init__(self, apps: Apps) -> None:
        self._apps = apps

    def function_id(self, environment: str, app_name: str, tag: str, version: int = 0) -> str:
        """The id of a deployed function; version 0 is the newest. Raises NotFoundError, NotServedError."""
        return self._find(environment, app_name, tag, version, "Function")

    def class_id(self, environment: str, app_name: str, tag: str, version: int = 0) -> str:
        """As `function_id`, of a class."""
        return self._find(environment, app_name, tag, version, "Class")

    def _find(self, environment: str, app_name: str, tag: str, version: int, kind: str) -> str:
        layout = self._apps.layout(self._apps.deployed(environment, app_name)["app_id"])
        found = (layout.function_ids if kind == "Function" else layout.class_ids).get(tag)
        if found is None:
            name = tag.partition(".")[0]
            if kind == "Function" and name in layout.class_ids:
                raise NotFoundError(
                    f"'{name}' in the deployed app '{app_name}' is a class; look it up with "
                    f"modal.Cls.from_name('{app_name}', '{name}')"
                )
            tags = {**layout.function_ids, **layout.class_ids}
            names = ", ".join(sorted(tag for tag in tags if not tag.endswith(SERVICE))) or "nothing"
            raise NotFoundError(
                f"{kind} '{tag}' is not in the deployed app '{app_name}' (it has {names}); "
                f"deploy a version that has it with: modal deploy FILE"
            )
        if version and version != layout.version:
            raise NotServedError(
                f"Homeport runs the newest version of '{app_name}' only, which is {layout.version}, not "
                f"{version}; look it up without version=."
            )
        return found
