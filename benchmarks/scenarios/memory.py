"""The peak memory of the device API's workers."""

from __future__ import annotations

import gzip
import ssl
from collections.abc import Sequence
from http.client import HTTPSConnection
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.comparison import Load, send
from benchmarks.devices import BenchmarkDevice
from benchmarks.report import Goal
from benchmarks.run import Run
from benchmarks.scenarios.reading import YEAR_SERIES, fill_year
from benchmarks.targets import Product
from benchmarks.workloads import FIRST_MS, Workload, csv_lines
from benchmarks.workspace import CannotMeasure
from device_endpoint.local_probe import unverified_context


def memory(run: Run) -> None:
    """Measure the peak with files of a million samples, then with files at the limits."""
    product, scale = run.product, run.scale
    workload = Workload("hr-memory", scale.large_samples, 24, min_files_per_round=2)
    reset_peaks(product)
    load = Load(run.devices[:2], max_files=2 * scale.large_files)
    for _ in range(scale.rounds):
        send(product, workload, run.corpora, load)
    run.corpora.drop(workload)
    work = f"a worker's peak memory, files of {scale.large_samples:,} samples"
    run.add(work, read_peak_mb(product), "MB", goal=Goal("≤", 250, "value"))
    reset_peaks(product)
    lines = scale.lines_at_limits
    for device, is_compressed in zip(run.devices, (False, True), strict=False):
        _send_file_at_limits(product, device, lines, is_compressed)
    work = f"a worker's peak memory, one file of {lines:,} lines"
    run.add(work, read_peak_mb(product), "MB", goal=Goal("≤", 400, "value"))


def two_lines(run: Run) -> None:
    """Measure the peak with the first and the last sample of a year at 1 Hz, sent again."""
    product = fill_year(run)
    last = run.scale.days_charted * 86_400 - 1
    reset_peaks(product)
    content = csv_lines(0, 1) + csv_lines(last, 1)
    status, text = send_files(product, run.devices[0], [(YEAR_SERIES, content)])
    if status != 200:
        raise CannotMeasure(f"a file of two lines is answered {status}: {text[:200]!r}")
    work = f"a worker's peak memory, two lines {run.scale.days_charted} days apart"
    run.add(work, read_peak_mb(product), "MB", goal=Goal("≤", 150, "value"))


def reset_peaks(product: Product) -> None:
    for worker in product.workers():
        Path(f"/proc/{worker}/clear_refs").write_text("5")


def read_peak_mb(product: Product) -> float:
    peaks_kib = []
    for worker in product.workers():
        lines = Path(f"/proc/{worker}/status").read_text().splitlines()
        peaks_kib += [int(line.split()[1]) for line in lines if line.startswith("VmHWM")]
    if not peaks_kib:
        raise CannotMeasure("no worker of the device API was found")
    return max(peaks_kib) * 1024 / 1e6


def _send_file_at_limits(
    product: Product, device: BenchmarkDevice, lines: int, is_compressed: bool
) -> None:
    # Sixteen bytes a line: four million lines nearly reach the size limit of a request.
    content = b"".join(b"%d,%d\n" % (FIRST_MS + n * 150, n % 7 + 1) for n in range(lines))
    status, text = send_files(product, device, [("hr-limits", content)], is_compressed)
    if status != 200:
        raise CannotMeasure(f"a file at the limits is answered {status}: {text[:200]!r}")


def send_files(
    product: Product,
    device: BenchmarkDevice,
    files: Sequence[tuple[str, bytes]],
    is_compressed: bool = False,
) -> tuple[int, bytes]:
    """Send the files of some series in one request; return status and body of the answer."""
    formats = [product.upload_format(series) for series, _ in files]
    parts = [
        each.head.encode() + content for each, (_, content) in zip(formats, files, strict=True)
    ]
    body = b"\r\n".join(parts) + formats[0].tail.encode()
    headers = {"Content-Type": formats[0].content_type}
    if is_compressed:
        body = gzip.compress(body, 1)
        headers["Content-Encoding"] = "gzip"
    context = _client_context(device)
    connection = HTTPSConnection("127.0.0.1", product.port, context=context, timeout=120)
    try:
        connection.request("POST", "/device_endpoint", body, headers)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def _client_context(device: BenchmarkDevice) -> ssl.SSLContext:
    context = unverified_context()
    with TemporaryDirectory() as folder:  # load_cert_chain reads files only
        pem = Path(folder) / "device.pem"
        pem.touch(mode=0o600)
        pem.write_text(device.key + device.cert)
        context.load_cert_chain(pem)
    return context
