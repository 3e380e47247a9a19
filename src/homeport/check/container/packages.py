"""What an image's steps install: distributions, the modules in them, and how far that is known.

A module is missing for certain only where everything that was installed is known, with all that it brings.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property

from homeport.check.container.distributions import (
    distribution_of,
    is_weighty,
    known,
    requirements_of,
)
from homeport.check.container.requirements import Requirement, normalise
from homeport.check.container.site_packages import SitePackages
from homeport.check.facts import FoundModule, UnprovenModule
from homeport.check.values import Unknown

# What the client brings into every container, behind everything that is installed.
CLIENT = "Modal's client"
_CLIENT_MODULES = """
aiohappyeyeballs aiohttp aiosignal attr attrs cbor2 _cbor2 certifi frozenlist google.protobuf
google._upb grpclib h2 hpack hyperframe idna multidict propcache typing_extensions yarl
"""


@dataclass
class Packages:
    """Filled step by step, then asked. `unknown` says why something may be there that nobody named."""

    python_version: str = ""
    requirements: list[Requirement] = field(default_factory=list)
    unknown: list[Unknown] = field(default_factory=list)
    # what the image really has, where it is built; asked for only what is not plainly there
    look_up: Callable[[], SitePackages | None] = field(default=lambda: None, repr=False)

    def install(self, requirement: Requirement | Unknown | None) -> None:
        if isinstance(requirement, Requirement):
            self.requirements.append(requirement)
        elif requirement is not None:
            self.unknown.append(requirement)

    @contextmanager
    def uncertain(self) -> Iterator[None]:
        """What is installed in this context only may be."""
        before = len(self.requirements)
        yield
        self.requirements[before:] = [replace(each, is_certain=False) for each in self.requirements[before:]]

    def find(self, module: str, *, is_own: bool = False) -> FoundModule | UnprovenModule | None:
        """Where site-packages have a module (dotted); None if they surely have not. `is_own`: the user has
        one of that name, so that no library brings it by the way.
        """
        found = self._resolved(module, is_own=is_own)
        if isinstance(found, FoundModule) or self._built is None:
            return found
        found = self._built.find(module)
        if found is None and self._built.leads_elsewhere:
            return UnprovenModule("a .pth file of the image leads to folders of which nothing is known")
        return found

    def is_installed(self, name: str) -> bool | Unknown:
        name = normalise(name)
        resolved = self._is_resolved(name)
        return resolved if resolved is True or self._built is None else self._built.is_installed(name)

    @cached_property
    def _built(self) -> SitePackages | None:
        return self.look_up()

    def _resolved(self, module: str, *, is_own: bool) -> FoundModule | UnprovenModule | None:
        installed = self._installed
        for name in _prefixes(module):
            if name in installed.modules:
                brings = installed.modules[name]
                return FoundModule(brings, kind="distribution", is_guessed=known(brings) is None)
        if owner := installed.shared.get(module):
            return FoundModule(owner, kind="distribution", is_namespace=True)
        for name in (*_prefixes(module), f"{module}."):
            if name in installed.perhaps:
                return UnprovenModule(f"{installed.perhaps[name]} may bring it, which depends on its version")
        if installed.unknown:
            return UnprovenModule(installed.unknown[0].why)
        owner = distribution_of(module) or distribution_of(module.partition(".")[0])
        if installed.vague and not is_own and not is_weighty(owner):
            return UnprovenModule(f"{installed.vague} may bring it, which depends on its version")
        return None

    def _is_resolved(self, name: str) -> bool | Unknown:
        installed = self._installed
        if name in installed.certain:
            return True
        if name in installed.uncertain:
            return Unknown(f"{installed.uncertain[name]} may bring it, which depends on its version")
        if installed.unknown:
            return installed.unknown[0]
        if installed.vague and not is_weighty(name):
            return Unknown(f"{installed.vague} may bring it, which depends on its version")
        return False

    @cached_property
    def _installed(self) -> "_Installed":
        installed = _Installed(unknown=list(self.unknown))
        for requirement, by in self._closure(installed):
            target = installed.certain if requirement.is_certain else installed.uncertain
            target.setdefault(requirement.name, by)
        for name in installed.certain:
            for module in _modules(name):
                installed.modules.setdefault(module, name)
                for shared in _folders(module):
                    installed.shared.setdefault(shared, name)
        for name, by in installed.uncertain.items():
            for module in _modules(name):
                installed.perhaps.setdefault(module, by)
                for shared in _folders(module):  # found by its whole name alone
                    installed.perhaps.setdefault(f"{shared}.", by)
        return installed

    def _closure(self, installed: "_Installed") -> Iterator[tuple[Requirement, str]]:
        """All that comes, each with the distribution that brings it."""
        waiting = [(requirement, requirement.name) for requirement in self.requirements]
        seen: set[Requirement] = set()
        while waiting:
            requirement, by = waiting.pop()
            if requirement in seen:
                continue
            seen.add(requirement)
            yield requirement, by
            if not requirement.is_locked:
                waiting += [(each, requirement.name) for each in self._brought(requirement, installed)]
            elif known(requirement.name, requirement.version) is None:
                installed.vague = installed.vague or requirement.name  # its modules' names are not known

    def _brought(self, requirement: Requirement, installed: "_Installed") -> Iterator[Requirement]:
        name = requirement.name
        distribution = known(name, requirement.version)
        if distribution is None:
            installed.unknown.append(Unknown(f"what the distribution {name} brings is not known"))
            return
        brought, is_all = requirements_of(distribution, requirement.extras, self.python_version)
        if not is_all or not requirement.is_exact:
            installed.unknown.append(Unknown(f"not all that the distribution {name} brings is known"))
        if distribution.is_vague:
            installed.vague = installed.vague or name
        for each in brought:
            yield replace(each, is_certain=each.is_certain and requirement.is_certain)


@dataclass
class _Installed:
    """What an image installs: distributions and modules, those surely there and those that may be."""

    certain: dict[str, str] = field(default_factory=dict)
    uncertain: dict[str, str] = field(default_factory=dict)
    modules: dict[str, str] = field(default_factory=dict)
    shared: dict[str, str] = field(default_factory=dict)
    perhaps: dict[str, str] = field(default_factory=dict)
    unknown: list[Unknown] = field(default_factory=list)
    vague: str = ""  # a distribution of which not all is known, but that it brings nothing of weight


def find_in_client(module: str) -> FoundModule | None:
    """Where what Modal's client needs has a module: it works by accident."""
    top = module.partition(".")[0]
    if top in ("modal", "modal_proto", "modal_version", "synchronicity"):
        return FoundModule("modal", kind="distribution")
    if module == "google" or any(name in _CLIENT_MODULES.split() for name in _prefixes(module)):
        return FoundModule(CLIENT, kind="distribution")
    return None


def _modules(name: str) -> tuple[str, ...]:
    distribution = known(name)
    return distribution.modules if distribution else (name.replace("-", "_"),)


def _prefixes(module: str) -> Iterator[str]:
    """The module and those that hold it, the longest first."""
    parts = module.split(".")
    return (".".join(parts[:count]) for count in range(len(parts), 0, -1))


def _folders(module: str) -> Iterator[str]:
    parts = module.split(".")
    return (".".join(parts[:count]) for count in range(1, len(parts)))
