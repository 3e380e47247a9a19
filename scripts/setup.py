"""Sets up .venv from a lock file: `python3 scripts/setup.py run` (to use Homeport), `seizure` or `cats`
(and to train here, without containers: PyTorch too) or `dev` (to work on it all).

Needs a Python 3.11 to 3.13 and nothing else: no pip, no venv module, no root. The steps are: find such a
Python, find uv or fetch it by any pip that can be had, let uv make .venv and install what the lock file
names, by hash. The user's pip configuration (index, find-links, certificates) is followed. Where nothing has
to be done this takes a few milliseconds.

Standard library only; runs on whatever a machine calls python3, so its own syntax stays that of Python 3.7.
"""

import fcntl
import glob
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
VENV = os.path.join(ROOT, ".venv")
VENV_PYTHON = os.path.join(VENV, "bin", "python")
STAMP = os.path.join(VENV, "homeport-setup.json")
LOCKS = {
    "run": "requirements.lock",
    "seizure": "requirements.lock",
    "cats": "requirements-cats.lock",
    "dev": "requirements-dev.lock",
}
HOLDS = {
    "run": ("run",),
    "seizure": ("run", "seizure"),
    "cats": ("run", "cats"),
    "dev": ("run", "seizure", "cats", "dev"),
}
TORCH = "2.13.0"  # as deploy/modal/app.py; in no lock file, since its builds differ by machine
SERIES = ("3.13", "3.12", "3.11")
OLDEST_UV = (0, 5)
PIP_PACKAGE = "python3-pip-whl"  # Debian's and Ubuntu's package with pip as a wheel


def main():
    chosen = sys.argv[1] if len(sys.argv) == 2 else ""
    if chosen not in LOCKS:
        stop("usage: python3 scripts/setup.py run|seizure|cats|dev")
    if is_done(chosen):
        return
    with open(os.path.join(ROOT, ".venv.lock"), "w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)  # of two that start at once, the second finds the work done
        if not is_done(chosen):
            set_up(chosen)


def is_done(chosen):
    """Whether the last set-up installed what this one would, and its Python is still there."""
    try:
        with open(STAMP) as file:
            stamp = json.load(file)
    except (OSError, ValueError):
        return False
    return (
        chosen in HOLDS[stamp["set"]]
        and stamp["digest"] == digest(stamp["set"])
        and os.path.exists(VENV_PYTHON)
        and os.environ.get("PYTHON") in (None, "", stamp["asked"])
    )


def digest(chosen):
    """Changes with what a set-up installs, and with the folder: scripts of a moved .venv fail."""
    parts = [ROOT.encode()]
    for name in (LOCKS[chosen], "pyproject.toml", "scripts/setup.py"):
        with open(os.path.join(ROOT, name), "rb") as file:
            parts.append(file.read())
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def set_up(chosen):
    started = time.monotonic()
    python = find_python()
    environment = package_environment(python)
    if os.path.exists(STAMP):
        os.unlink(STAMP)
    with tempfile.TemporaryDirectory(prefix="homeport-setup-") as scratch:
        uv = find_uv(python, scratch, environment)
        if series_of(VENV_PYTHON) != series_of(python):
            say(f"making the virtual environment .venv with {python}")
            shutil.rmtree(VENV, ignore_errors=True)
            call([uv, "venv", "--quiet", "--python", python, VENV], environment)
        install(uv, chosen, environment)
    with open(STAMP + ".new", "w") as file:
        stamp = {"set": chosen, "digest": digest(chosen), "asked": os.environ.get("PYTHON", "")}
        json.dump(stamp, file)
    os.replace(STAMP + ".new", STAMP)
    say(f"ready after {time.monotonic() - started:.0f} s")


def install(uv, chosen, environment):
    lock = os.path.join(ROOT, LOCKS[chosen])
    with open(lock) as file:
        count = len(re.findall("^[a-z0-9].*==", file.read(), re.MULTILINE))
    say(f"installing up to {count} packages from {LOCKS[chosen]}")
    into = [uv, "pip", "install", "--python", VENV_PYTHON]
    call(into + ["--require-hashes", "--compile-bytecode", "-r", lock], environment)
    call(into + ["--quiet", "--no-deps", "--editable", ROOT], environment)
    if chosen != "run":
        install_torch(into, lock, environment)


def install_torch(into, lock, environment):
    """PyTorch's build for this machine: one that its own sources hold, else the one that uv finds fitting."""
    say(f"installing PyTorch {TORCH}")
    sources = ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_TORCH_BACKEND")
    is_here = torch_wheels(environment) or any(environment.get(name) for name in sources)
    backend = [] if is_here else ["--torch-backend", "auto"]
    call(into + backend + ["--compile-bytecode", "--constraint", lock, f"torch=={TORCH}"], environment)


def torch_wheels(environment):
    """Wheels of this PyTorch in the folders that pip or uv of this machine look into."""
    names = environment.get("UV_FIND_LINKS", "") + " " + environment.get("PIP_FIND_LINKS", "")
    folders = [folder for folder in re.split(r"[\s,]+", names) if folder]
    return [wheel for folder in folders for wheel in glob.glob(os.path.join(folder, f"torch-{TORCH}*.whl"))]


# Python


def find_python():
    """A Python of the right series: the one that PYTHON names, else the best that this machine has.

    Those under /usr come first: containers run as another user, who cannot read what lies in a home folder.
    """
    asked = os.environ.get("PYTHON")
    if asked:
        if series_of(asked) not in SERIES:
            stop(f"PYTHON={asked} is no Python 3.11, 3.12 or 3.13 that runs here.")
        return executable_of(asked)
    names = ["python3"] + ["python" + series for series in SERIES]
    places = [folder + name for folder in ("/usr/bin/", "/usr/local/bin/") for name in names] + names
    for place in places:
        path = shutil.which(place)
        if path and series_of(path) in SERIES:
            return executable_of(path)
    fetched = fetch_python()
    if not fetched:
        stop(
            "Homeport needs Python 3.11, 3.12 or 3.13, and this machine has none of them (python3 is "
            f"{sys.version.split()[0]}). Install one, such as: sudo apt-get install python3.12"
        )
    return fetched


def fetch_python():
    """A Python that a uv on PATH fetches into the user's own folder; None without such a uv."""
    uv = shutil.which("uv")
    if not uv or version_of_uv(uv) < OLDEST_UV:
        return None
    say("no Python 3.11 to 3.13 here; asking uv for one")
    if subprocess.call([uv, "python", "install", SERIES[0]]) != 0:
        return None
    return output([uv, "python", "find", "--managed-python", SERIES[0]]).strip() or None


def series_of(python):
    """Such as '3.12'; '' if it does not run, is no CPython, or lacks modules that Homeport needs."""
    code = (
        "import sys, ssl, sqlite3, ctypes, zlib; sys.implementation.name == 'cpython' "
        "and print('%d.%d' % sys.version_info[:2])"
    )
    return output([python, "-I", "-c", code]).strip()


def executable_of(python):
    """The interpreter itself, behind shims, environments and links, which may point elsewhere later."""
    return output([python, "-I", "-c", "import os, sys; print(os.path.realpath(sys.executable))"]).strip()


def package_environment(python):
    """The environment for pip and uv, with this machine's package sources, as containers' builds get them."""
    code = (
        "import json, sys; sys.path.insert(0, sys.argv[1]); "
        "from homeport.runtime.package_sources import read_package_sources; "
        "print(json.dumps(dict(read_package_sources().env)))"
    )
    environment = dict(os.environ)
    sources = output([python, "-I", "-B", "-c", code, os.path.join(ROOT, "src")])
    environment.update(json.loads(sources or "{}"))
    environment.update(PIP_REQUIRE_VIRTUALENV="0", PIP_USER="0", PIP_ROOT_USER_ACTION="ignore")
    environment.setdefault("UV_LINK_MODE", "copy")  # links to a cache on another disk fail with a warning
    if "UV_CACHE_DIR" not in environment and not os.access(os.path.expanduser("~"), os.W_OK):
        environment["UV_CACHE_DIR"] = os.path.join(ROOT, ".uv-cache")
    return environment


# uv


def find_uv(python, scratch, environment):
    """A uv that runs: that of .venv, that of PATH, else one that pip fetches for this set-up."""
    own = os.path.join(VENV, "bin", "uv")
    if version_of_uv(own) >= OLDEST_UV:
        return shutil.copy2(own, scratch)  # .venv may have to be made anew
    found = shutil.which("uv")
    if found and version_of_uv(found) >= OLDEST_UV:
        return found
    pip, pip_environment = find_pip(python, scratch)
    environment = dict(environment, **pip_environment)
    say("fetching uv, which installs the packages")
    wanted = os.path.join(scratch, "uv.txt")
    with open(wanted, "w") as file:
        file.write(locked("uv"))
    target = os.path.join(scratch, "uv")
    flags = ["--quiet", "--no-deps", "--require-hashes", "--only-binary", ":all:"]
    call(pip + ["install", "--target", target, "-r", wanted] + flags, environment)
    return os.path.join(target, "bin", "uv")


def locked(package):
    """The lock file's lines for one package: its version and hashes."""
    with open(os.path.join(ROOT, LOCKS["run"])) as file:
        match = re.search(rf"^{re.escape(package)}==(?:.*\\\n)*.*\n", file.read(), re.MULTILINE)
    return match.group(0)


def version_of_uv(uv):
    match = re.match(r"uv (\d+)\.(\d+)", output([uv, "--version"]))
    return (int(match.group(1)), int(match.group(2))) if match else (0, 0)


def find_pip(python, scratch):
    """A pip's command line and the variables that it needs. Any pip will do: it fetches one file."""
    for pip in ([python, "-m", "pip"], [sys.executable, "-m", "pip"], ["pip3"], ["pip"]):
        if output(pip + ["--version"]).startswith("pip "):
            return pip, {}
    bundled = output([python, "-I", "-c", "import ensurepip; print(ensurepip.__file__)"]).strip()
    wheels = glob.glob(os.path.join(os.path.dirname(bundled), "_bundled", "pip-*.whl")) if bundled else []
    wheels = wheels or glob.glob("/usr/share/python-wheels/pip-*.whl") or fetch_pip_wheel(scratch)
    if not wheels:
        stop(
            "There is no pip on this machine, and none could be fetched. Install one of: python3-pip, "
            "python3-venv (Debian, Ubuntu: sudo apt-get install python3-venv), or uv."
        )
    return [python, "-m", "pip"], {"PYTHONPATH": wheels[0]}


def fetch_pip_wheel(scratch):
    """Debian's own pip, unpacked into `scratch`: installing a package needs root, downloading does not."""
    if not shutil.which("apt-get") or not shutil.which("dpkg-deb"):
        return []
    say(f"no pip here; downloading Debian's package {PIP_PACKAGE} (nothing is installed)")
    lists, cache = os.path.join(scratch, "lists"), os.path.join(scratch, "cache")
    for folder in (lists, cache):
        os.makedirs(os.path.join(folder, "partial"))
    os.makedirs(os.path.join(cache, "archives", "partial"))
    own = ["-o", "Dir::State::Lists=" + lists, "-o", "Dir::Cache=" + cache, "-o", "APT::Sandbox::User=root"]
    # This machine's package lists first; fresh ones, in a folder of our own, where they are old or missing.
    for options in ([], own):
        if options:
            output(["apt-get", "-q"] + options + ["update"], cwd=scratch)
        output(["apt-get", "-q"] + options + ["download", PIP_PACKAGE], cwd=scratch)
        for package in glob.glob(os.path.join(scratch, "*.deb")):
            output(["dpkg-deb", "-x", package, os.path.join(scratch, "pip")])
        wheels = glob.glob(os.path.join(scratch, "pip/usr/share/python-wheels/pip-*.whl"))
        if wheels:
            return wheels
    return []


# Processes and words


def call(command, environment):
    """Runs a step whose output the user sees. Stops with a sentence where it fails."""
    status = subprocess.call(command, env=environment, cwd=ROOT)
    if status != 0:
        stop(
            f"{os.path.basename(command[0])} ended with status {status}; what it says is above. The usual "
            "causes are no connection to the package index and a full disk."
        )


def output(command, cwd=None):
    """What a command prints; nothing where it does not exist or fails."""
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=cwd)
    except OSError:
        return ""
    return done.stdout.decode(errors="replace") if done.returncode == 0 else ""


def say(text):
    print("set-up: " + text, file=sys.stderr, flush=True)


def stop(sentence):
    sys.exit("set-up: " + sentence)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
    except OSError as error:
        stop(f"{error.filename}: {error.strerror}")
