"""`SAFT_PUBLIC_KEYS`: whose signatures are verified, and by which key."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator


def _split(value: object) -> object:
    """`9999=/keys/a.pem,Programa/Empresa=/keys/b.pem`: certificate number or ProductID."""
    if not isinstance(value, str):
        return value
    pairs = [pair.rpartition("=") for pair in value.split(",") if pair.strip()]
    if not all(name.strip() and path.strip() for name, _, path in pairs):
        raise ValueError("not PROGRAM=KEY.pem, or several of them with commas between")
    return tuple((name.strip(), path.strip()) for name, _, path in pairs)


def _hold_keys(value: Iterable[tuple[str, Path]]) -> Iterable[tuple[str, Path]]:
    for _, path in value:
        from saft_pipeline.saft.rules.signatures import KeyFileError, public_key

        try:
            public_key(path.expanduser())
        except (OSError, KeyFileError) as error:
            raise ValueError(str(error)) from None
    return value


PublicKeys = Annotated[
    tuple[tuple[str, Path], ...], BeforeValidator(_split), AfterValidator(_hold_keys)
]
