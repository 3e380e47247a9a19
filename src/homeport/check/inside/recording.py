"""Notes each call of the client's public constructors and methods: what, with what, and where in the user's
code. The call itself is done as ever.
"""

from __future__ import annotations

import functools
import inspect
import sys
import types
from typing import Any, Callable, Dict, List, Optional

from homeport.check.inside.encoding import Encoder, Objects
from homeport.check.inside.frames import Note, Origins

# Methods that ask the server, or give nothing that could be followed.
_NOT_FOLLOWED = {"pipe", "imports", "hydrate", "build", "lookup", "run", "deploy", "logs", "info"}
_CLASSES = (
    "Image",
    "App",
    "Volume",
    "Secret",
    "Dict",
    "Queue",
    "NetworkFileSystem",
    "Proxy",
    "Function",
    "Cls",
)
_MADE = (
    "CloudBucketMount",
    "Retries",
    "Cron",
    "Period",
    "SchedulerPlacement",
    "FilePatternMatcher",
)
_REGISTER = {
    "function": "function",
    "cls": "class",
    "server": "class",
    "local_entrypoint": "local_entrypoint",
}
_DECORATORS = (
    "asgi_app",
    "batched",
    "clustered",
    "concurrent",
    "enter",
    "exit",
    "fastapi_endpoint",
    "method",
    "sessioned",
    "web_endpoint",
    "web_server",
    "wsgi_app",
)


class Recording:
    """`calls` in order, and what was `registered` with the apps."""

    def __init__(self, origins: Origins, objects: Objects, encoder: Encoder) -> None:
        self.calls: List[Note] = []
        self.registered: List[Note] = []
        self.secrets: List[str] = []  # texts that must not be shown
        self.given: List[Dict[str, Any]] = []  # the options of each call, as they are
        self._origins = origins
        self._objects = objects
        self._encoder = encoder
        self._raw: Dict[int, Any] = {}  # what the client's decorators made, to the user's function
        self._kept: List[object] = []

    def wrap(self, modal: Any) -> None:
        for name in _CLASSES:
            self._wrap_class(getattr(modal, name, None), name)
        for name in _MADE:
            self._wrap_constructor(getattr(modal, name, None), name)
        for name in _DECORATORS:
            function = getattr(modal, name, None)
            if isinstance(function, types.FunctionType):
                setattr(modal, name, self._decorator(function, name))

    # ---- wrapping

    def _wrap_class(self, owner: Any, owner_name: str) -> None:
        for name, attribute in list(vars(owner).items()) if owner is not None else []:
            if name.startswith("_") or name in _NOT_FOLLOWED:
                continue
            label = "{}.{}".format(owner_name, name)
            if isinstance(attribute, (staticmethod, classmethod)):
                function = attribute.__func__
                if isinstance(function, types.FunctionType):
                    has_class = isinstance(attribute, classmethod)
                    setattr(owner, name, type(attribute)(self._recorded(function, label, None, has_class)))
            elif isinstance(attribute, types.FunctionType) and owner_name == "App" and name in _REGISTER:
                setattr(owner, name, self._registering(attribute, label, _REGISTER[name]))
            elif isinstance(attribute, types.FunctionType) and owner_name not in ("Function",):
                setattr(owner, name, self._recorded(attribute, label, "self"))
        if owner_name == "App":
            self._wrap_constructor(owner, owner_name)

    def _wrap_constructor(self, owner: Any, label: str) -> None:
        original = getattr(owner, "__init__", None)
        if not isinstance(original, types.FunctionType):
            return

        @functools.wraps(original)
        def init(this: Any, *args: Any, **options: Any) -> None:
            note = self._begin(label, None, args, options, sys._getframe(1))
            original(this, *args, **options)
            if note is not None:
                self._end(note, this)

        owner.__init__ = init

    def _recorded(
        self, function: Any, label: str, receiver: Optional[str], has_class: bool = False
    ) -> Callable[..., Any]:
        skipped = 1 if receiver or has_class else 0

        @functools.wraps(function)
        def call(*args: Any, **options: Any) -> Any:
            of = args[0] if receiver and args else None
            note = self._begin(label, of, args[skipped:], options, sys._getframe(1))
            result = function(*args, **options)
            if note is not None:
                self._end(note, result)
            return result

        return call

    def _registering(self, function: Any, label: str, kind: str) -> Callable[..., Any]:
        @functools.wraps(function)
        def call(app: Any, *args: Any, **options: Any) -> Any:
            note = self._begin(label, app, args, options, sys._getframe(1))
            decorate = function(app, *args, **options)
            if note is None or not callable(decorate):
                return decorate

            def registered(thing: Any) -> Any:
                result = decorate(thing)
                self._register(note, kind, app, thing, result)
                return result

            return registered

        return call

    def _decorator(self, function: Any, name: str) -> Callable[..., Any]:
        @functools.wraps(function)
        def call(*args: Any, **options: Any) -> Any:
            note = self._begin("modal." + name, None, args, options, sys._getframe(1))
            decorate = function(*args, **options)
            if note is None or not callable(decorate):
                return decorate

            def decorated(thing: Any) -> Any:
                result = decorate(thing)
                self._raw[id(result)] = self._user_object(thing)
                self._kept.append(result)
                return result

            return decorated

        return call

    # ---- noting

    def _begin(self, label: str, of: Any, args: Any, options: Note, frame: Any) -> Optional[Note]:
        """The note of a call that comes from outside the client, else None."""
        if self._origins.of(frame.f_code.co_filename) == "client":
            return None
        note = {
            "id": len(self.calls),
            "name": label,
            "of": None if of is None else self._objects.number(of),
            "args": self._arguments(label, args),
            "options": {key: self._option(label, key, value) for key, value in options.items()},
            "site": self._origins.user_place(frame),
            "result": None,
        }
        self.calls.append(note)
        self.given.append(options)
        return note

    def _end(self, note: Note, result: Any) -> None:
        if not isinstance(result, (type(None), bool, int, float, str, bytes)):
            note["result"] = self._objects.number(result)

    def _arguments(self, label: str, args: Any) -> List[Any]:
        if label in ("Secret.from_dict", "Image.env") and args:
            first = self._variables(args[0], label == "Secret.from_dict")
            return [first, *map(self._encoder.encoded, args[1:])]
        return [self._encoder.encoded(value) for value in args]

    def _option(self, label: str, key: str, value: Any) -> Any:
        if label == "Secret.from_dict" and key == "env_dict":
            return self._variables(value, True)
        if key == "env" or (label == "Image.env" and key == "vars"):
            return self._variables(value, False)
        return self._encoder.encoded(value)

    def _variables(self, value: Any, is_secret: bool) -> Any:
        if is_secret and isinstance(value, dict):
            self.secrets.extend(item for item in value.values() if isinstance(item, str))
        return self._encoder.variables(value, is_secret)

    def _register(self, note: Note, kind: str, app: Any, thing: Any, result: Any) -> None:
        raw = self._user_object(thing)
        code = getattr(raw, "__code__", None)
        module = sys.modules.get(getattr(raw, "__module__", None) or "")
        self.registered.append(
            {
                "call": note["id"],
                "kind": kind,
                "app": self._objects.number(app),
                "object": self._objects.number(result),
                "module": getattr(raw, "__module__", None),
                "qualname": getattr(raw, "__qualname__", ""),
                "path": code.co_filename if code else getattr(module, "__file__", None),
                "line": code.co_firstlineno if code else getattr(raw, "__firstlineno__", None),
            }
        )

    def _user_object(self, thing: Any) -> Any:
        raw = self._raw.get(id(thing), thing)
        if raw is thing and type(thing).__name__ == "PartialFunction":  # of a decorator that is not wrapped
            inner = next((held for held in vars(thing).values() if hasattr(held, "raw_f")), None)
            raw = getattr(inner, "raw_f", None) or getattr(inner, "user_cls", None) or thing
        return raw if inspect.isclass(raw) else inspect.unwrap(raw) if callable(raw) else raw
