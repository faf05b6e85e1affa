"""Has the package's build make GraphiQL, so that a wheel carries it. In a checkout (an editable install) nothing is built by itself."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class ConsoleBuildHook(BuildHookInterface[Any]):
    """Hatchling calls it for the sdist and for the wheel; what was built for the one is there for the other."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002 - hatchling's own signature
        if version == "editable":
            return
        if shutil.which("npm") is None:
            self.app.display_warning(
                "There is no npm on this machine: GraphiQL is left out, unless it is built already."
            )
            return
        script = Path(self.root, "console", "build.py")
        subprocess.run([sys.executable, script], check=True)  # noqa: S603 - this repository's own script
