"""The baselines' virtual environments, made on demand in the user's cache folder."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

REQUIREMENTS = {
    "celery": (
        "celery[redis]>=5.6",
        "paramiko>=4.0",
        "psycopg[binary]>=3.2.2",
        "xmltodict>=1.0",
    ),
    "dlt": (
        "dlt[postgres]>=1.20",
        "pyarrow>=20",
        "sshfs>=2025.2",
        "xmltodict>=1.0",
    ),
}


def python_of(name: str) -> Path:
    """The interpreter that has a baseline's requirements; the first call installs them."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = cache / "saft-bench" / name
    wanted = "\n".join((sys.version, *REQUIREMENTS[name]))
    installed = folder / "installed.txt"
    if not installed.exists() or installed.read_text() != wanted:
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        pip = [str(folder / "bin" / "pip"), "install", "-qq"]
        subprocess.run([*pip, *REQUIREMENTS[name]], check=True, stdout=sys.stderr)
        installed.write_text(wanted)
    return folder / "bin" / "python"
