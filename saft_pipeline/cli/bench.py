"""`saft bench`: the benchmarks of the checkout, as ratios measured in one run."""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.table import Table

from saft_pipeline.cli.output import AsJson, CannotRunError, print_json, say, stdout

_PACKAGE = "saft_pipeline_tests.benchmarks"


def bench(
    name: Annotated[str | None, typer.Argument(help="Which; without one they are listed.")] = None,
    as_json: AsJson = False,
) -> None:
    """Measure this program against others; needs a clone with `.[dev]`."""
    known = _known()
    if name is None:
        for module, about in known.items():
            stdout.print(f"{module:10} {about}", markup=False)
        return
    if name not in known:
        raise CannotRunError(f"no benchmark is called {name}; there are {', '.join(known)}")
    ratios = list(map(_told, importlib.import_module(f"{_PACKAGE}.{name}").run()))
    if as_json:
        print_json([{**asdict(r), "met": r.met} for r in ratios])
    else:
        stdout.print(_table(ratios))
    if not all(r.met for r in ratios):
        raise typer.Exit(1)


def _told(ratio: Any) -> Any:
    """The same, told as soon as it is known: a benchmark may take an hour."""
    say(f"{ratio.name}: {ratio.value:,.3g} {ratio.unit}{ratio.note and f' ({ratio.note})'}")
    return ratio


def _known() -> dict[str, str]:
    """Benchmark modules (those with `run`) and what each measures."""
    try:
        package = importlib.import_module(_PACKAGE)
    except ImportError:
        raise CannotRunError("the benchmarks are in a clone of the project only") from None
    found: dict[str, str] = {}
    for module in pkgutil.iter_modules(package.__path__):
        loaded = importlib.import_module(f"{_PACKAGE}.{module.name}")
        if hasattr(loaded, "run"):
            found[module.name] = (loaded.__doc__ or "").splitlines()[0]
    return found


def _table(ratios: list[Any]) -> Table:
    table = Table("what", "value", "wanted", "", "note", box=None)
    for r in ratios:
        sign = "at most" if r.most else "at least"
        wanted = "" if r.wanted is None else f"{sign} {r.wanted:g}"
        table.add_row(r.name, f"{r.value:,.3g} {r.unit}", wanted, "" if r.met else "MISSED", r.note)
    return table
