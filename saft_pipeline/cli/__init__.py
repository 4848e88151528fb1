"""The `saft` command: what people type. Words and progress go to stderr, `--json` to stdout."""

import sys


def main() -> None:
    """Run `saft`; to import all its commands takes longer than to parse a small file."""
    if sys.argv[1:2] == ["parse"]:
        from saft_pipeline.cli.parse import main as run
    else:
        from saft_pipeline.cli.app import main as run
    run()
