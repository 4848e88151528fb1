"""Exits 0 if the API says that all is well, else 1; for the image's HEALTHCHECK."""

import sys
import urllib.error
import urllib.request

from saft_pipeline import settings

given = settings.load()
request = urllib.request.Request(f"http://localhost:{given.api_port}/api/health")
if given.api_token:
    request.add_header("Authorization", f"Bearer {given.api_token.get_secret_value()}")
try:
    with urllib.request.urlopen(request, timeout=15) as answer:  # noqa: S310 - http
        sys.stdout.write(answer.read().decode())
except urllib.error.HTTPError as error:
    sys.exit(error.read().decode())
except OSError as error:
    sys.exit(f"the API does not answer: {error}")
