"""Faults on demand, as a client meets them."""

from __future__ import annotations

import httpx
import postgrest
import pytest

from saft_pipeline_tests.postgrest.conftest import Api


def test_a_lost_answer_is_of_a_request_that_was_committed(api: Api) -> None:
    api.server.faults.lose_answer("/rpc/add_item")
    with pytest.raises(httpx.RemoteProtocolError):
        api.client.rpc("add_item", {"id": 1}).execute()
    assert api.rows("select id from items") == [(1,)]


def test_a_fault_waits_for_its_path(api: Api) -> None:
    api.server.faults.lose_answer("/rpc/add_item")
    api.client.rpc("nothing", {}).execute()
    assert api.server.faults.pending == 1
    with pytest.raises(httpx.RemoteProtocolError):
        api.client.rpc("add_item", {"id": 1}).execute()


def test_a_fault_happens_once(api: Api) -> None:
    api.server.faults.answer(502)
    statuses = [api.http.get("/items").status_code for _ in range(2)]
    assert statuses == [502, 200]


def test_a_gateways_answer_is_of_a_request_that_did_not_run(api: Api) -> None:
    api.server.faults.answer(502, "/rpc/add_item")
    with pytest.raises(postgrest.APIError) as raised:
        api.client.rpc("add_item", {"id": 1}).execute()
    assert raised.value.code == "502"
    assert api.rows("select id from items") == []
