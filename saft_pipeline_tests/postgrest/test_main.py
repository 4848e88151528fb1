"""The stand-in as a program."""

from __future__ import annotations

import signal
import subprocess
import sys

import supabase

COMMAND = [sys.executable, "-m", "saft_pipeline_tests.postgrest"]


def test_it_serves_until_it_is_told_to_stop(database_url: str) -> None:
    command = [*COMMAND, "--db-url", database_url, "--key", "sb_secret_mine"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        url = process.stderr.readline().strip().removesuffix("/rest/v1")
        client = supabase.create_client(url, "sb_secret_mine")
        found = client.rpc("nothing_like_it", {"a": 1})
        try:
            message = str(found.execute())
        except supabase.PostgrestAPIError as error:
            message = str(error.message)
        process.send_signal(signal.SIGTERM)
        process.wait(60)
    assert message == "Could not find the function public.nothing_like_it(a) in the schema cache"
