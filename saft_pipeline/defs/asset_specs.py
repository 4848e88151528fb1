"""What the assets say of themselves on their pages, put onto their definitions when these are made.

Owners, what tables and columns mean and are made from, where the code is and which version, how
fresh they should be. All of it is about definitions: no event of a run or file grows by it.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import dagster as dg

from saft_pipeline import __version__
from saft_pipeline.dagster_runtime.names import FILE_ASSETS, FOLDER, PUBLISHING, REPORT_ASSETS
from saft_pipeline.dagster_runtime.partitions import file_partitions
from saft_pipeline.defs import table_schema
from saft_pipeline.defs.report_assets import REPORTS_GROUP
from saft_pipeline.settings import Settings
from saft_pipeline.store.catalog import Catalog, catalog

Asset = dg.AssetsDefinition | dg.AssetSpec

_ENGINEERS = "team:data-engineering"
_ACCOUNTANTS = "team:accounting"
# Silence shows here: no new bytes, or none that reached the tables.
_FRESH = ("raw_xml", PUBLISHING)


def described(
    assets: Sequence[Asset],
    settings: Settings,
    prefix: Sequence[str] = (),
    group: str | None = None,
) -> list[Asset]:
    """The assets, each with all that is known of it, in a group and below a prefix if given."""
    known = catalog()
    with warnings.catch_warnings():
        # Every command would show it; what it warns of, a test holds.
        warnings.simplefilter("ignore", dg.BetaWarning)
        located = dg.with_source_code_references(assets)
    made = [
        _each(asset, lambda spec: _described(spec, known, settings, prefix, group))
        for asset in located
    ]
    return [_renamed(asset, prefix) for asset in made] if prefix else made


def _renamed(asset: Asset, prefix: Sequence[str]) -> Asset:
    """With a key that begins with the prefix; what it depends on and is checked by follows."""
    names = (FOLDER, *FILE_ASSETS, *REPORT_ASSETS)
    keys = {dg.AssetKey(name): dg.AssetKey([*prefix, name]) for name in names}
    if isinstance(asset, dg.AssetsDefinition):
        return asset.with_attributes(asset_key_replacements=keys)
    return asset.replace_attributes(key=keys[asset.key])


def _each(asset: object, change: Callable[[dg.AssetSpec], dg.AssetSpec]) -> Asset:
    if isinstance(asset, dg.AssetsDefinition):
        return asset.map_asset_specs(change)
    assert isinstance(asset, dg.AssetSpec)
    return change(asset)


def _described(
    spec: dg.AssetSpec, known: Catalog, settings: Settings, prefix: Sequence[str], group: str | None
) -> dg.AssetSpec:
    name = spec.key.to_user_string()
    fresh = name in _FRESH
    return spec.replace_attributes(
        description=known.comments.get(name, spec.description),
        owners=[_ACCOUNTANTS if spec.group_name == REPORTS_GROUP else _ENGINEERS],
        code_version=None if name == FOLDER else f"{__version__}-{known.version}",
        freshness_policy=_freshness(settings.alert_silent_after) if fresh else None,
        partitions_def=spec.partitions_def and file_partitions(tuple(prefix)),
        metadata={**spec.metadata, **_metadata(name, known, settings, prefix)},
        group_name=group or spec.group_name,
    )


def _freshness(silent_after: timedelta) -> dg.FreshnessPolicy:
    """Overdue when alerts speak of silence, too; a state of the page, nobody is told of it."""
    return dg.FreshnessPolicy.time_window(max(silent_after, timedelta(minutes=1)))


def _metadata(
    name: str, known: Catalog, settings: Settings, prefix: Sequence[str]
) -> dict[str, Any]:
    found = {
        "dagster/column_schema": table_schema.schema(name, known),
        "dagster/column_lineage": table_schema.lineage(name, prefix),
        "dagster/table_name": f"public.{name}" if name in known.tables else None,
        "dagster/uri": settings.address if name == FOLDER and settings.sftp_username else None,
    }
    return {key: value for key, value in found.items() if value is not None}
