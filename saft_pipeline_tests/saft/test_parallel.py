"""Read by several processes, a document gives what it gives read by one."""

from __future__ import annotations

import io
import multiprocessing
import os
import re
import signal

import pytest

from saft_pipeline.saft import parallel, splitting
from saft_pipeline.saft.errors import SaftError
from saft_pipeline.saft.ndjson import to_json
from saft_pipeline.saft.reader import read_document
from saft_pipeline_tests.saft.documents import document, invoice, line, sales


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any document is worth it, and a chunk holds two or three invoices."""
    monkeypatch.setattr(parallel, "BYTES_WORTH_IT", 0)
    monkeypatch.setattr(splitting, "CHUNK", 4000)
    monkeypatch.setattr(parallel, "has_processors", lambda: True)
    monkeypatch.setattr("saft_pipeline.saft.encoding.PIECE", 1500)


def outcome(text: str, *, by_processes: bool) -> tuple[bytes, list[object], str | None]:
    """The lines, the warnings and the refusal."""
    lines: list[bytes] = []
    with read_document(io.BytesIO(text.encode()), name="f.xml") as opened:
        try:
            if by_processes:
                lines.extend(parallel.ndjson(opened))
            else:
                lines.extend(map(to_json, opened))
        except SaftError as error:
            return b"", [], str(error)
        return b"".join(lines), list(opened.warnings), None


def assert_same(text: str) -> tuple[bytes, list[object], str | None]:
    alone, together = (outcome(text, by_processes=p) for p in (False, True))
    assert together == alone
    assert multiprocessing.active_children() == []
    return together


def many(count: int = 30) -> list[str]:
    return [invoice(f"FT A/{n}") for n in range(count)]


def test_invoices_are_the_same_and_in_their_order() -> None:
    lines, _, refusal = assert_same(document(sales(*many())))
    assert refusal is None
    numbers = re.findall(rb'"invoice_no":"FT A/([0-9]+)"', lines)
    assert numbers == [b"%d" % n for n in range(30)]


def test_workers_end_whatever_the_program_does_at_sigterm() -> None:
    before = signal.signal(signal.SIGTERM, lambda *_: None)
    try:
        assert_same(document(sales(*many())))
    finally:
        signal.signal(signal.SIGTERM, before)


@pytest.mark.timeout(20)
def test_workers_end_though_sigterm_does_not_reach_them() -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    try:
        assert_same(document(sales(*many())))
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])


def test_workers_do_the_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise the others would pass with no process at work."""
    answers: list[bool] = []
    receive = parallel._Worker.receive

    def noting(worker: parallel._Worker) -> object:
        part = receive(worker)
        answers.append(part is not None)
        return part

    monkeypatch.setattr(parallel._Worker, "receive", noting)
    assert_same(document(sales(*many())))
    assert len(answers) > 3
    assert all(answers)


def test_an_invoice_that_comes_again_put_differently_is_taken_once() -> None:
    again = invoice("FT A/3").replace("<Hash>0</Hash>", "<TransactionID/><Hash> 0 </Hash>")
    lines, warnings, refusal = assert_same(document(sales(*many(), again, *many(40)[30:])))
    assert refusal is None
    numbers = re.findall(rb'"invoice_no":"FT A/([0-9]+)"', lines)
    assert numbers == [b"%d" % n for n in range(40)]
    assert [w["code"] for w in warnings if isinstance(w, dict)].count("repeated_invoice") == 1


@pytest.mark.parametrize("letter", ["é", "€", "\x85", "\U0001f600", "&#8364;"])
def test_chunks_hold_any_letter(letter: str) -> None:
    text = document(sales(*many())).replace("Broa", f"Broa {letter}", 40)
    lines, _, refusal = assert_same(text)
    assert refusal is None
    assert lines.decode().count(letter.replace("&#8364;", "€")) == 40


def test_prefix_does_not_matter() -> None:
    text = re.sub(r"<(/?)([A-Z])", r"<\1n:\2", document(sales(*many()))).replace(
        "xmlns=", "xmlns:n="
    )
    assert assert_same(text)[2] is None


def test_warnings_keep_their_lines_and_are_counted() -> None:
    invoices = [invoice(f"FT A/{n}", line("") + line("")) for n in range(130)]
    _, warnings, _ = assert_same(document(sales(*invoices, credit="2600")))
    assert len(warnings) == 101


@pytest.mark.parametrize("at", [0, 3, 17, 29])
def test_refusal_has_its_place(at: int) -> None:
    invoices = many()
    invoices[at] = invoices[at].replace("12.30", "12,30")
    refusal = assert_same(document(sales(*invoices)))[2]
    assert refusal
    assert f"GrossTotal of invoice FT A/{at} is '12,30'" in refusal


@pytest.mark.parametrize("at", [3, 17, 29])
@pytest.mark.parametrize("blanks", ["\n", ""])
def test_tag_that_is_not_closed_has_its_place_and_that_of_its_beginning(
    at: int, blanks: str
) -> None:
    invoices = many()
    invoices[at] = invoices[at].replace("</Tax>", "")
    text = document(sales(*invoices)).replace("\n", blanks)
    invoices = [text.replace("\n", blanks) for text in invoices]
    refusal = assert_same(text)[2]
    begins = text.split("<Invoice>")[: at + 1]
    line = "<Invoice>".join(begins).count("\n") + invoices[at].split("<Tax>")[0].count("\n") + 1
    assert refusal
    assert f"mismatch: Tax line {line} and Line" in refusal


@pytest.mark.parametrize("change", ["", "Broa"])
def test_repeated_invoice_is_seen_across_chunks(change: str) -> None:
    again = many()[2].replace("Broa", "Pão") if change else many()[2]
    lines, warnings, refusal = assert_same(document(sales(*many(), again, credit="310")))
    if change:
        assert refusal
        assert "stands twice in the file, with different content" in refusal
    else:
        assert [w["code"] for w in warnings if isinstance(w, dict)] == ["repeated_invoice"]
        assert lines.count(b'"record":"invoice"') == 30


@pytest.mark.parametrize("opening", ["<!-- ", "<![CDATA[", "<?x "])
def test_chunk_may_be_cut_where_no_invoice_begins(opening: str) -> None:
    closing = {"<!-- ": " -->", "<![CDATA[": "]]>", "<?x ": " ?>"}[opening]
    odd = opening + "<Invoice>" + "x" * 3000 + "<Invoice>" * 3 + closing
    invoices = many()
    for n in (5, 11, 12):
        invoices[n] = invoices[n].replace("<Description>Broa", f"<Description>{odd}Broa")
    invoices.insert(20, odd if opening != "<![CDATA[" else "")
    assert assert_same(document(sales(*invoices)))[2] is None


def test_invoice_larger_than_a_chunk_is_read() -> None:
    large = invoice("FT B/1", "".join(line(n) for n in range(1, 60)))
    text = document(sales(*many(8), large, *many(16)[8:], credit="750"))
    assert b'"line_count":"59"' in assert_same(text)[0]


def test_what_follows_the_invoices_is_read() -> None:
    work = "<WorkingDocuments><NumberOfEntries>0</NumberOfEntries></WorkingDocuments>"
    text = document(sales(*many()).replace("</SourceDocuments>", work + "</SourceDocuments>"))
    assert b'"working_documents"' in assert_same(text)[0]


def test_stray_text_between_invoices_is_noted() -> None:
    invoices = many()
    invoices.insert(15, "stray")
    _, warnings, _ = assert_same(document(sales(*invoices, entries=30)))
    assert len(warnings) == 1


@pytest.mark.parametrize(
    ("where", "what"),
    [
        ("<LineNumber>", "<LineNumber>1</LineNumber>"),
        ("<Invoice>", "<TotalDebit>0</TotalDebit>"),
        ("<DocumentTotals>", "<Telephone/><Reason/>"),
    ],
)
def test_what_is_told_of_elements_is_told_by_each_reader(where: str, what: str) -> None:
    parts = document(sales(*many())).split(where)
    parts[15] += what
    _, warnings, refusal = assert_same(where.join(parts))
    assert (refusal, len(warnings) > 0) == (None, True)


def test_truncated_file_is_incomplete() -> None:
    refusal = assert_same(document(sales(*many()))[:-900])[2]
    assert refusal
    assert "the file ends before </AuditFile>" in refusal


def test_worker_that_is_killed_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    text = document(sales(*many()))
    send = parallel._Worker.send

    def killed(worker: parallel._Worker, *chunk: object) -> None:
        send(worker, *chunk)  # type: ignore[arg-type]
        for child in multiprocessing.active_children():
            os.kill(child.pid or 0, signal.SIGKILL)

    monkeypatch.setattr(parallel._Worker, "send", killed)
    assert_same(text)


def test_workers_end_when_nobody_reads_on() -> None:
    with read_document(io.BytesIO(document(sales(*many())).encode()), name="f.xml") as opened:
        lines = parallel.ndjson(opened)
        for _ in range(6):
            next(lines)
        lines.close()  # type: ignore[attr-defined]
    assert multiprocessing.active_children() == []


@pytest.mark.parametrize(
    "prolog",
    [
        "<!-- <Invoice> -->",
        "<Other><![CDATA[<Invoice>]]></Other>",
        "<?x <Invoice> ?>",
        "<!-- <Invoice>" + "x" * 9000 + "<Invoice> -->",
    ],
)
@pytest.mark.parametrize("where", ["<MasterFiles>", "<SalesInvoices>", "<NumberOfEntries>"])
def test_what_looks_like_an_invoice_before_the_first_is_none(prolog: str, where: str) -> None:
    text = document("<MasterFiles>\n</MasterFiles>", sales(*many()))
    before, tag, after = text.partition(where)
    lines, _, refusal = assert_same(f"{before}{tag}{prolog}{after}")
    if where != "<NumberOfEntries>":
        assert refusal is None
        assert lines.count(b'"record":"invoice"') == 30


@pytest.mark.parametrize("before", ["<", "<Other a='", "<Other a='>"])
def test_tag_that_is_open_before_the_first_invoice_has_its_place(
    before: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = document(sales(*many())).replace("<Invoice>", f"{before}<Invoice>", 1)
    refusal = assert_same(text)[2]
    monkeypatch.setattr("saft_pipeline.saft.encoding.PIECE", len(text) * 2)
    assert refusal == outcome(text, by_processes=False)[2] is not None
