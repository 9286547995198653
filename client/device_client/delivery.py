"""What becomes of each waiting file: received and forgotten, kept, or set aside for good."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from device_client.api import Door, Registration
from device_client.errors import BadAnswer, DamagedFile, Refused
from device_client.multipart import FilePart
from device_client.responses import Problem, Receipt
from device_client.retry import is_worth_keeping
from device_client.spool import Spool, Waiting, group

MAX_FILES_PER_REQUEST = 100
MAX_BYTES = 64 * 1024 * 1024


@dataclass
class Deliverer:
    """Sends what waits in ``spool`` through ``door``, keeping what was not received.

    ``on_receipt`` is called once for each file that the server has dealt with, ``on_refusal``
    for each file that was refused for good, with the reason and where the file is kept now.
    ``on_settled`` hears the size of each file in the spool that is dealt with either way.
    """

    spool: Spool
    door: Door
    registration: Registration
    on_receipt: Callable[[Receipt], None]
    on_refusal: Callable[[str, Path], None]
    on_settled: Callable[[int], None] = lambda size: None

    def send_pending(self) -> None:
        """Send every waiting file, each once.

        Raises ``DeviceError`` at the first trouble that leaves files waiting.
        """
        for batch in group(
            self.spool.pending(),
            self.registration.limit("files", MAX_FILES_PER_REQUEST),
            self.registration.limit("request_bytes", MAX_BYTES),
        ):
            self._send(batch)

    def _send(self, waiting_files: Sequence[Waiting]) -> None:
        batch, parts = self._read(waiting_files)
        if not batch:
            return
        try:
            self._settle(batch, parts, self.door.upload(parts), None)
        except Refused as error:
            if is_worth_keeping(error):
                raise
            if error.problem.receipts:
                self._settle(batch, parts, error.problem.receipts, error.problem)
            elif len(batch) > 1:
                # One of them spoiled the request: find out which.
                for waiting in batch:
                    self._send([waiting])
            else:
                self._give_up(batch[0], error.problem.explain())

    def _read(self, waiting_files: Sequence[Waiting]) -> tuple[list[Waiting], list[FilePart]]:
        """Return the files that can be read; a damaged one must not hold up the others."""
        batch, parts = [], []
        for waiting in waiting_files:
            try:
                parts.append(waiting.read())
                batch.append(waiting)
            except DamagedFile as error:
                self._give_up(waiting, str(error))
        return batch, parts

    def _settle(
        self,
        batch: Sequence[Waiting],
        parts: Sequence[FilePart],
        receipts: Sequence[Receipt],
        problem: Problem | None,
    ) -> None:
        for waiting, part in zip(batch, parts, strict=True):
            receipt = find_receipt(part, receipts)
            if receipt is None:
                raise BadAnswer(f"the server gave no receipt for {part.name}; it is kept")
            self.on_receipt(receipt)
            if receipt.is_received:
                self.spool.forget(waiting)
                self.on_settled(waiting.size)
            elif receipt.status == "rejected":
                self._give_up(waiting, _reason(receipt, problem))
            else:
                raise BadAnswer(f"the receipt for {part.name} says {receipt.status!r}; it is kept")

    def _give_up(self, waiting: Waiting, reason: str) -> None:
        self.on_refusal(reason, self.spool.set_aside(waiting, reason))
        self.on_settled(waiting.size)


def find_receipt(part: FilePart, receipts: Sequence[Receipt]) -> Receipt | None:
    """Return the receipt for ``part``: the same bytes, and the same name where bytes repeat."""
    same = [receipt for receipt in receipts if receipt.sha256 == part.sha256]
    named = [receipt for receipt in same if receipt.name == part.name]
    return next(iter(named or same), None)


def _reason(receipt: Receipt, problem: Problem | None) -> str:
    summary = problem.summary() if problem else "rejected"
    return "\n".join([f"{receipt.name}: {summary}", *(f"  {x}" for x in receipt.error_lines())])
