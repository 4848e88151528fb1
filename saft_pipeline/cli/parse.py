"""`saft parse`: a file as NDJSON. Nothing here needs settings, which take longer to import than a
small file takes to read.
"""

from __future__ import annotations

import gc
import sys
from pathlib import Path
from typing import Annotated

import typer

from saft_pipeline.cli.output import CannotRunError
from saft_pipeline.cli.running import new_app, run


def main() -> None:
    """Run it without the other commands."""
    app = new_app()
    register(app)
    run(app, sys.argv[1:])


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("parse")(parse)


def parse(file: Annotated[Path, typer.Argument(help="A SAF-T (PT) file.")]) -> None:
    """Print what a file says as NDJSON, one record a line."""
    from saft_pipeline.loading.archives import ArchiveError, unpacked_here
    from saft_pipeline.saft.parallel import ndjson
    from saft_pipeline.saft.reader import read

    gc.disable()  # reading makes no cycles, and the search takes a tenth of its time
    try:
        for name, path in unpacked_here(file):
            with read(path, name=name) as document:
                for lines in ndjson(document):
                    sys.stdout.buffer.write(lines)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        raise
    except ArchiveError as error:
        raise CannotRunError(f"{file}: {error}") from None
    except OSError as error:
        raise CannotRunError(f"{file}: {error.strerror or error}") from None
