"""`python -m saft_pipeline_tests.postgrest --db-url URL --port N [--key K]`."""

from __future__ import annotations

import argparse
import sys

from saft_pipeline_tests.postgrest.server import Server


def main() -> None:
    """Serve until Ctrl-C or SIGTERM."""
    parser = argparse.ArgumentParser(
        prog="python -m saft_pipeline_tests.postgrest",
        description="A stand-in for PostgREST, for tests only.",
    )
    parser.add_argument("--db-url", required=True, help="the database, as a superuser")
    parser.add_argument("--port", type=int, default=0, help="on 127.0.0.1; default any free one")
    parser.add_argument("--key", help="the only secret key; default any key")
    options = parser.parse_args()
    server = Server(options.db_url, port=options.port, key=options.key)
    sys.stderr.write(f"{server.url}/rest/v1\n")
    server.run()


if __name__ == "__main__":
    main()
