"""Send the waiting files; delete what was received, keep what may be accepted later."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

from device_client.api import DeviceApi, Registration
from device_client.errors import DamagedFile, ProblemResponse, ProtocolError
from device_client.multipart import FilePart
from device_client.responses import Problem, Receipt
from device_client.retry import can_be_accepted_later
from device_client.splitting import Limits, split_by_time
from device_client.spool import PendingFile, Spool, group_by_request

# For a server that publishes no limits.
DEFAULT_MAX_FILES_PER_REQUEST = 100
DEFAULT_MAX_REQUEST_BYTES = 64 * 1024 * 1024


@dataclass
class Deliverer:
    """Sends the files of ``spool`` to ``api`` and keeps those that were not received.

    ``on_receipt`` is called once for each file that the server has processed, ``on_refusal`` for
    each file that was refused permanently, with the reason and the file's new path. ``on_done`` is
    called with the size of each file that left the spool in either way.
    """

    spool: Spool
    api: DeviceApi
    registration: Registration
    on_receipt: Callable[[Receipt], None]
    on_refusal: Callable[[str, Path], None]
    on_done: Callable[[int], None] = lambda size: None

    def send_pending(self) -> None:
        """Send every waiting file once.

        Raises ``DeviceError`` at the first failure that leaves files waiting.
        """
        for batch in group_by_request(
            self.spool.list_pending(),
            self.registration.limit("files", DEFAULT_MAX_FILES_PER_REQUEST),
            self.registration.limit("request_bytes", DEFAULT_MAX_REQUEST_BYTES),
        ):
            self._send(batch)

    def _send(self, pending: Sequence[PendingFile]) -> None:
        batch, parts = self._read_files(pending)
        if not batch:
            return
        limit = self.registration.limit("request_bytes", DEFAULT_MAX_REQUEST_BYTES)
        if len(batch) == 1 and batch[0].size > limit and self._send_in_parts(batch[0], parts[0]):
            return
        try:
            self._process_receipts(batch, parts, self.api.upload(parts), None)
        except ProblemResponse as error:
            if can_be_accepted_later(error):
                raise
            if error.problem.receipts:
                self._process_receipts(batch, parts, error.problem.receipts, error.problem)
            elif len(batch) > 1:
                # The server refused the request as a whole: send each file alone to find the cause.
                for file in batch:
                    self._send([file])
            elif error.problem.status != HTTPStatus.REQUEST_ENTITY_TOO_LARGE or not (
                self._send_in_parts(batch[0], parts[0])
            ):
                self._refuse(batch[0], error.problem.explain())

    def _send_in_parts(self, file: PendingFile, part: FilePart) -> bool:
        """Split a file that is too large by time and send the parts; return whether it was split.

        The parts replace the file in the spool, so that the next run continues after the last part
        that was received.
        """
        contents = split_by_time(part.content, Limits.published(self.registration.limits))
        if not contents:
            return False
        for smaller in self.spool.split(file, contents):
            self._send([smaller])
        return True

    def _read_files(
        self, pending: Sequence[PendingFile]
    ) -> tuple[list[PendingFile], list[FilePart]]:
        """Read the files; set damaged ones aside, so that they do not block the others."""
        batch, parts = [], []
        for file in pending:
            try:
                parts.append(file.read())
                batch.append(file)
            except DamagedFile as error:
                self._refuse(file, str(error))
        return batch, parts

    def _process_receipts(
        self,
        batch: Sequence[PendingFile],
        parts: Sequence[FilePart],
        receipts: Sequence[Receipt],
        problem: Problem | None,
    ) -> None:
        unmatched = list(receipts)
        for file, part in zip(batch, parts, strict=True):
            receipt = find_receipt(part, unmatched)
            if receipt is None:
                raise ProtocolError(f"the server sent no receipt for {part.name}; it is kept")
            unmatched.remove(receipt)  # the same bytes again have a receipt of their own
            self.on_receipt(receipt)
            if receipt.is_received:
                self.spool.delete(file)
                self.on_done(file.size)
            elif receipt.status == "rejected":
                self._refuse(file, _format_reason(receipt, problem))
            else:
                raise ProtocolError(
                    f"the receipt for {part.name} has the status {receipt.status!r}; it is kept"
                )

    def _refuse(self, file: PendingFile, reason: str) -> None:
        self.on_refusal(reason, self.spool.move_to_refused(file, reason))
        self.on_done(file.size)


def find_receipt(part: FilePart, receipts: Sequence[Receipt]) -> Receipt | None:
    """Return the receipt with the SHA-256 of ``part``, preferring the one with its name too."""
    same = [receipt for receipt in receipts if receipt.sha256 == part.sha256]
    named = [receipt for receipt in same if receipt.name == part.name]
    return next(iter(named or same), None)


def _format_reason(receipt: Receipt, problem: Problem | None) -> str:
    summary = problem.summary() if problem else "rejected"
    return "\n".join([f"{receipt.name}: {summary}", *(f"  {x}" for x in receipt.format_errors())])
