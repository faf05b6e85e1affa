#!/usr/bin/env python3
"""Builds GraphiQL into app/web/console/, unless it is there as it should be. Needs Node.js with npm, and nothing but Python besides.

`python3 console/build.py` in a clone; the package's own build and the tests run the same.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).resolve().parent
BUILT = HERE.parent / "app" / "web" / "console"
MADE = ("node_modules", "dist", "__pycache__")
"""What the build itself leaves here."""


def main() -> int:
    """Exit code: 0 built or nothing to do, 1 no npm, else npm's own."""
    wanted = digest(HERE, *sources())
    if noted(BUILT) == wanted:
        return 0
    npm = shutil.which("npm")
    if npm is None:
        sys.stderr.write("console/build.py needs Node.js 20.19 or later with npm: there is no npm on this machine.\n")
        return 1
    code = installed(npm, HERE) or run(HERE, npm, "run", "build")
    if code == 0:
        put_in_place(wanted)
    return code


def sources() -> Iterator[Path]:
    """What the built files depend on."""
    return (each for each in sorted(HERE.rglob("*")) if each.is_file() and each.relative_to(HERE).parts[0] not in MADE)


def digest(folder: Path, *files: Path) -> str:
    """Of the files' names in the folder, and their contents."""
    found = hashlib.sha256()
    for file in files:
        found.update(f"{file.relative_to(folder).as_posix()}\0{file.stat().st_size}\0".encode() + file.read_bytes())
    return found.hexdigest()


def installed(npm: str, folder: Path) -> int:
    """Put the packages of the folder's lock file into its node_modules, unless they are there; npm's exit code."""
    modules, wanted = folder / "node_modules", digest(folder, folder / "package.json", folder / "package-lock.json")
    if noted(modules) == wanted:
        return 0
    code = run(folder, npm, "ci")
    if code == 0:
        note(modules, wanted)
    return code


def put_in_place(wanted: str) -> None:
    """The new files in place of the old ones: whoever looks meanwhile finds one or the other, or that there are none."""
    made = HERE / "dist"
    note(made, wanted)
    shutil.rmtree(BUILT, ignore_errors=True)
    made.rename(BUILT)


def noted(folder: Path) -> str:
    """The digest of what the folder was made from; empty where nobody knows."""
    mark = folder / "made-from"
    return mark.read_text() if mark.is_file() else ""


def note(folder: Path, made_from: str) -> None:
    (folder / "made-from").write_text(made_from)


def run(folder: Path, *command: str) -> int:
    # Whoever builds the package listens to this process's standard output.
    return subprocess.run(command, cwd=folder, stdout=sys.stderr, check=False).returncode  # noqa: S603 - npm, as the system finds it


if __name__ == "__main__":
    sys.exit(main())
