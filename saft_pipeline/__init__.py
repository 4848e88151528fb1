"""SAF-T (PT) invoices from an SFTP folder into Supabase, as Dagster assets."""

from __future__ import annotations

from typing import Any

__version__ = "0.2.0"


def __getattr__(name: str) -> Any:
    """`SaftFolder`, made when it is asked for: it needs Dagster, which takes a second."""
    if name != "SaftFolder":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from saft_pipeline.component import SaftFolder

    return SaftFolder


def __dir__() -> list[str]:
    return ["SaftFolder", "__version__"]
