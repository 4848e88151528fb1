"""Whether a code server answers: one whose threads all wait for something runs, and never does."""

from __future__ import annotations

from pathlib import Path

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

_SECONDS = 5


def is_serving(socket: Path) -> bool:
    """Ask it for its health (gRPC's health checking protocol), and wait a little."""
    with grpc.insecure_channel(f"unix:{socket}") as channel:
        try:
            health_pb2_grpc.HealthStub(channel).Check(
                health_pb2.HealthCheckRequest(service="DagsterApi"), timeout=_SECONDS
            )
        except grpc.RpcError:
            return False
    return True
