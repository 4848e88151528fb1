"""A file as NDJSON on stdout, without what the other commands need.

To import typer and the settings takes longer than to read a small file.
"""

from __future__ import annotations

import gc
import sys
from pathlib import Path


def main() -> None:
    """`saft parse FILE`; what goes wrong is told as by all commands."""
    try:
        write_ndjson(Path(sys.argv[2]))
    except BaseException as error:
        from saft_pipeline.cli.running import ended_by

        ended_by(error)


def write_ndjson(file: Path) -> None:
    """One record a line; of an archive those of all its files."""
    from saft_pipeline.loading.archives import ArchiveError, unpacked_here
    from saft_pipeline.saft.parallel import ndjson
    from saft_pipeline.saft.reader import read_document

    gc.disable()  # reading makes no cycles, and the search takes a tenth of its time
    try:
        for name, path in unpacked_here(file):
            with read_document(path, name=name) as document:
                for lines in ndjson(document):
                    sys.stdout.buffer.write(lines)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        raise
    except (ArchiveError, OSError) as error:
        from saft_pipeline.cli.output import CannotRunError

        reason = error.strerror if isinstance(error, OSError) else None
        raise CannotRunError(f"{file}: {reason or error}") from None
