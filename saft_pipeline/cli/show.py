"""`saft show`: what is kept of a file: its bytes, or what was read of them."""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from saft_pipeline.cli.output import CannotRunError, OneOfLedger, say
from saft_pipeline.settings import load

if TYPE_CHECKING:
    from saft_pipeline.artifacts.local import ArtifactKind


def show(
    path: Annotated[str, OneOfLedger],
    raw: Annotated[bool, typer.Option("--raw", help="Its bytes as they came (default).")] = False,
    parsed: Annotated[bool, typer.Option("--parsed", help="What was read of it.")] = False,
) -> None:
    """Print the bytes that are kept of a file, or what was read of them."""
    from saft_pipeline.artifacts.remote import artifacts_of
    from saft_pipeline.store.opening import open_to_look, where
    from saft_pipeline.store.store import Store

    if raw and parsed:
        raise CannotRunError("--raw and --parsed both want stdout; choose one")
    settings = load()
    store = Store(open_to_look(settings), settings.batch_size)
    files = [file for file in store.files(path=path) if file.sha256]
    store.close()
    if not files:
        raise CannotRunError(f"{path}: no file of that name was fetched into {where(settings)}")
    if others := sorted({f.source for f in files} - {files[0].source}):
        say(f"{path}: that of {files[0].source}; there is one of {', '.join(others)}, too")
    newest = files[0]
    kind: ArtifactKind = "parsed" if parsed else "raw"
    try:
        kept = artifacts_of(settings)
        with kept.open(kind, newest.sha256 or "", newest.artifact_pack) as content:
            shutil.copyfileobj(content, sys.stdout.buffer)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        raise
    except FileNotFoundError:
        raise CannotRunError(
            f"{path}: what was kept of it ({kind}) is gone: pruned, or in another SAFT_HOME"
        ) from None
