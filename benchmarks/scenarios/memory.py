"""Rows of memory: the most that a worker of the device door has ever held."""

from __future__ import annotations

import gzip
import ssl
from http.client import HTTPSConnection
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.comparison import Run, send
from benchmarks.devices import BenchDevice, open_context
from benchmarks.processes import CannotMeasure
from benchmarks.product import Product
from benchmarks.report import Goal
from benchmarks.run import Session
from benchmarks.workloads import FIRST_MS, Workload


def memory(session: Session) -> None:
    """The peak at a million samples, then at the limits of a request."""
    product, scale = session.product, session.scale
    workload = Workload("hr-memory", scale.large_samples, 24, least=2)
    _forget_peaks(product)
    files = 2 * scale.large_files
    run = Run(session.devices[:2], most_files=files)
    for _ in range(scale.rounds):
        send(product, workload, session.corpora, scale, run)
    session.corpora.drop(workload)
    work = f"a worker's peak memory, files of {scale.large_samples:,} samples"
    session.add(work, _peak_mb(product), "MB", goal=Goal("≤", 300, "value"))
    _forget_peaks(product)
    lines = scale.lines_at_limits
    for number, compressed in enumerate((False, True)):
        _send_limits(product, session.devices[number], lines, compressed=compressed)
    work = f"a worker's peak memory, one file of {lines:,} lines"
    session.add(work, _peak_mb(product), "MB", goal=Goal("≤", 700, "value"))


def _forget_peaks(product: Product) -> None:
    for worker in product.workers():
        Path(f"/proc/{worker}/clear_refs").write_text("5")


def _peak_mb(product: Product) -> float:
    found = []
    for worker in product.workers():
        lines = Path(f"/proc/{worker}/status").read_text().splitlines()
        found += [int(line.split()[1]) for line in lines if line.startswith("VmHWM")]
    if not found:
        raise CannotMeasure("no worker of the device door is found")
    return max(found) * 1024 / 1e6


def _send_limits(product: Product, device: BenchDevice, lines: int, *, compressed: bool) -> None:
    form = product.form("hr-limits")
    # Sixteen bytes a line, so that four million of them are nearly as large as a request may be.
    content = b"".join(b"%d,%d\n" % (FIRST_MS + n * 150, n % 7 + 1) for n in range(lines))
    body = form.head.encode() + content + form.tail.encode()
    headers = {"Content-Type": form.content_type}
    if compressed:
        body = gzip.compress(body, 1)
        headers["Content-Encoding"] = "gzip"
    context = _context(device)
    connection = HTTPSConnection("127.0.0.1", product.device_port, context=context, timeout=120)
    try:
        connection.request("POST", "/device_endpoint", body, headers)
        answer = connection.getresponse()
        text = answer.read()
    finally:
        connection.close()
    if answer.status != 200:
        raise CannotMeasure(f"a file at the limits is answered {answer.status}: {text[:200]!r}")


def _context(device: BenchDevice) -> ssl.SSLContext:
    context = open_context()
    with TemporaryDirectory() as folder:  # load_cert_chain reads files only
        pem = Path(folder) / "device.pem"
        pem.touch(mode=0o600)
        pem.write_text(device.key + device.cert)
        context.load_cert_chain(pem)
    return context
