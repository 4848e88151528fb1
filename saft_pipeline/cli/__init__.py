"""The `saft` command: what people type. Words and progress go to stderr, `--json` to stdout."""

import sys


def main() -> None:
    """Run `saft`; to import all its commands takes longer than to parse a small file."""
    try:
        if len(sys.argv) == 3 and sys.argv[1] == "parse" and not sys.argv[2].startswith("-"):
            from saft_pipeline.cli.parse import main as run
        else:
            from saft_pipeline.cli.app import main as run
    except KeyboardInterrupt:
        sys.exit(130)
    run()
