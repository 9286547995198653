"""Bad and odd request bodies, by the names of the threat model's list (R, M and D)."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.support.devices import FilePart, multipart

JSON = "application/json"
FORM = "multipart/form-data; boundary=B"


@dataclass(frozen=True, slots=True)
class Registration:
    """A body; ``%s`` stands for a key that is good. ``status`` and ``code`` are the answer's."""

    name: str
    body: bytes
    status: int = 400
    code: str = "invalid_json"
    headers: dict[str, str | None] = field(default_factory=lambda: {"Content-Type": JSON})


def _kind(kind: str | None, **more: str) -> dict[str, str | None]:
    return {"Content-Type": kind, **more}


_GOOD = b'{"PSK": "%s"}'
_FAILED = (400, "registration_failed")
_KIND = (415, "unsupported_media_type")

REGISTRATIONS = [
    Registration("R1 empty", b""),
    Registration("R2 null", b"null"),
    Registration("R2 list", b"[]"),
    Registration("R2 string", b'"x"'),
    Registration("R2 number", b"5"),
    Registration("R3 no member", b"{}"),
    Registration("R4 lower case", b'{"psk": "%s"}'),
    Registration("R5 null", b'{"PSK": null}'),
    Registration("R5 boolean", b'{"PSK": true}'),
    Registration("R5 list", b'{"PSK": ["%s"]}'),
    Registration("R5 object", b'{"PSK": {"PSK": "%s"}}'),
    Registration("R6 number", b'{"PSK": 12}'),
    Registration("R7 empty key", b'{"PSK": ""}', *_FAILED),
    Registration("R7 blank key", b'{"PSK": " \\n\\u00a0"}', *_FAILED),
    Registration("R8 blank before", b'{"PSK": " %s"}', 200, ""),
    Registration("R8 blank behind", b'{"PSK": "%s "}', 200, ""),
    Registration("R8 newline behind", b'{"PSK": "%s\\r\\n"}', 200, ""),
    Registration("R8 blank within", b'{"PSK": "dpsk_ %s"}', *_FAILED),
    Registration("R9 NUL", b'{"PSK": "%s\\u0000"}', *_FAILED),
    Registration("R10 lone surrogate", b'{"PSK": "\\ud800"}', *_FAILED),
    Registration("R11 beyond ASCII", '{"PSK": "é\u202e\U0001f600"}'.encode(), *_FAILED),
    Registration("R12 a megabyte", b'{"PSK": "' + b"x" * 10**6 + b'"}', 413, "request_too_large"),
    Registration("R13 key twice", b'{"PSK": "x", "PSK": "%s"}'),
    Registration("R14 more members", b'{"PSK": "%s", "model": {"a": [1]}}', 200, ""),
    Registration("R15 NaN", b'{"PSK": "%s", "x": NaN}'),
    Registration("R15 Infinity", b'{"PSK": "%s", "x": [-Infinity]}'),
    Registration("R16 trailing garbage", _GOOD + b"x"),
    Registration("R17 byte order mark", b"\xef\xbb\xbf" + _GOOD, 200, ""),
    Registration("R17 two of them", b"\xef\xbb\xbf" * 2 + _GOOD),
    Registration("R18 UTF-16", '{"PSK": "x"}'.encode("utf-16")),
    Registration(
        "R18 UTF-16 declared",
        '{"PSK": "x"}'.encode("utf-16"),
        headers=_kind("application/json; charset=utf-16"),
    ),
    Registration("R19 latin-1", '{"PSK": "é"}'.encode("latin-1")),
    Registration("R20 1,000 brackets", b"[" * 1000),
    Registration("R20 4,000 objects", b'{"a":' * 800),
    Registration(
        "R21 5,000 digits", b'{"PSK": "%s", "x": ' + b"9" * 5000 + b"}", 413, "request_too_large"
    ),
    Registration("R22 text/plain", _GOOD, *_KIND, headers=_kind("text/plain")),
    Registration("R22 no type", _GOOD, *_KIND, headers=_kind(None)),
    Registration("R22 form", _GOOD, *_KIND, headers=_kind("application/x-www-form-urlencoded")),
    Registration("R22 json with a suffix", _GOOD, *_KIND, headers=_kind("application/json5")),
    Registration("R23 charset", _GOOD, 200, "", _kind("application/json; charset=bogus")),
    Registration("R23 UTF-16", _GOOD, 200, "", _kind("application/json;charset=UTF-16")),
    Registration(
        "R24 gzip",
        _GOOD,
        415,
        "unsupported_content_encoding",
        _kind(JSON, **{"Content-Encoding": "gzip"}),
    ),
    Registration("R30 SQL", b"""{"PSK": "' OR 1=1; DROP TABLE x; --"}""", *_FAILED),
    Registration("R30 format", b'{"PSK": "%%s%%n{0.__class__}"}', *_FAILED),
    Registration("R30 template", b'{"PSK": "{{7*7}}${jndi:ldap://x}<script>"}', *_FAILED),
    Registration("R32 Accept", _GOOD, 200, "", _kind(JSON, Accept="text/csv")),
]

_LINES = b"1526292559214,95\n1526292559839,96\n"
_ONE = multipart([("hr", "f", _LINES)], "B")
_TWO = multipart([("hr", "f", _LINES), ("ibi", "g", _LINES)], "B")


@dataclass(frozen=True, slots=True)
class Upload:
    """A multipart body; ``stored`` counts the files that are stored afterwards."""

    name: str
    body: bytes
    status: int = 400
    code: str = "invalid_multipart"
    kind: str = FORM
    stored: int = 0


def _head(old: bytes, new: bytes) -> bytes:
    assert old in _ONE
    return _ONE.replace(old, new, 1)


_DOCUMENT = _ONE.replace(b"--B", b"-----9051914041544843365972754266")
_DOCUMENT_KIND = "multipart/form-data; boundary=-----9051914041544843365972754266"
_PLAIN = b"Content-Type: text/plain"

UPLOADS = [
    Upload("M1 as in the RFC", _ONE, 200, stored=1),
    Upload("M2 the document's example", _DOCUMENT, 200, kind=_DOCUMENT_KIND, stored=1),
    Upload("M3 no CRLF at the end", _ONE[:-2], 200, stored=1),
    Upload("M4 no closing delimiter", _ONE[: _ONE.rindex(b"--B--")]),
    Upload("M5 cut amid the file", _ONE[: _ONE.index(b",96")]),
    Upload("M6 cut within the closing delimiter", _ONE[:-3]),
    Upload("M7 cut amid the part's head", _ONE[:30]),
    Upload("M8 the second of two cut", _TWO[:-25]),
    Upload("M9 last delimiter without dashes", _ONE[:-4] + b"\r\n"),
    Upload("M10 LF only", _ONE.replace(b"\r\n", b"\n")),
    Upload("M11 CR only", _ONE.replace(b"\r\n", b"\r")),
    Upload("M12 LF in the file, CRLF around", _ONE, 200, stored=1),
    Upload("M13 no boundary", _ONE, kind="multipart/form-data"),
    Upload("M14 quoted boundary", _ONE, 200, kind='multipart/form-data; boundary="B"', stored=1),
    Upload("M15 empty boundary", _ONE, kind="multipart/form-data; boundary="),
    Upload("M14 RFC 1867's comma", _ONE, 200, kind="multipart/form-data, boundary=B", stored=1),
    Upload("M16 71 characters", _ONE, kind="multipart/form-data; boundary=" + "b" * 71),
    Upload("M17 another boundary", _ONE, kind="multipart/form-data; boundary=C"),
    Upload("M18 empty", b""),
    Upload("M19 only the closing delimiter", b"--B--\r\n"),
    Upload("M20 empty file", multipart([("hr", "f", b"")], "B"), 422, "unreadable_file"),
    Upload("M21 no file name", multipart([("hr", None, _LINES)], "B"), 200, stored=1),
    Upload("M22 empty file name", multipart([("hr", "", _LINES)], "B"), 200, stored=1),
    *(
        Upload(f"M23 file name {number}", multipart([("hr", filename, _LINES)], "B"), 200, stored=1)
        for number, filename in enumerate(
            ["../../etc/passwd", "C:\\x", "..", "a\0b", "x" * 300, "<script>", "%0d%0aX: y", "/"]
        )
    ),
    Upload(
        "M24 extended file name",
        _head(b'filename="f"', b"filename*=UTF-8''%e2%82%ac"),
        200,
        stored=1,
    ),
    Upload("M24 both file names", _head(b'="f"', b"=f; filename*=utf-8''%e2%82"), 200, stored=1),
    Upload("M24 latin-1 file name", _head(b'="f"', b'="gr\xfcn"'), 200, stored=1),
    Upload("M25 no name", _head(b'name="hr"; ', b"")),
    Upload("M25 no Content-Disposition", _head(b"Content-Disposition", b"X-Disposition")),
    Upload("M26 base64", _head(_PLAIN, b"Content-Transfer-Encoding: base64")),
    Upload("M26 quoted", _head(_PLAIN, b"Content-Transfer-Encoding: quoted-printable")),
    Upload("M26 8bit", _head(_PLAIN, b"Content-Transfer-Encoding: 8bit"), 200, stored=1),
    Upload(
        "M27 one name twice",
        multipart([("hr", "f", _LINES), ("hr", "f", _LINES + b"1526292560000,1\n")], "B"),
        200,
        stored=2,
    ),
    Upload("M28 a name never seen", multipart([("brand.new", "f", _LINES)], "B"), 200, stored=1),
    Upload("M29 preamble of 1 KB", b"x" * 1022 + b"\r\n" + _ONE, 200, stored=1),
    Upload("M29 longer preamble", b"x" * 1023 + b"\r\n" + _ONE),
    Upload("M30 epilogue", _ONE + b"x"),
    Upload("M30 another body behind", _ONE + _ONE),
    Upload("M30 NUL", _ONE + b"\0"),
    Upload("M30 two CRLF", _ONE + b"\r\n", 200, stored=1),
    Upload("M30 padding", _ONE.replace(b"B\r\n", b"B \t\r\n") + b" \n\n", 200, stored=1),
    Upload("M31 boundary in a line", _head(b",95", b",95--B"), 422, "unreadable_file"),
    Upload("M32 folded part head", _head(b"; filename", b";\r\n filename")),
    Upload("M33 101 parts", multipart([("hr", "f", _LINES)] * 101, "B"), 413, "too_many_files"),
    Upload("M34 part head of 8 KB", _head(_PLAIN, b"X-A: " + b"a" * 8192)),
    Upload("M34 99 part heads", _head(_PLAIN, b"\r\n".join([b"X-A: a"] * 99))),
    Upload("M35 multipart/mixed", _ONE, *_KIND, kind="multipart/mixed; boundary=B"),
    Upload("M36 a part within", _head(_PLAIN, b"Content-Type: multipart/mixed; boundary=C")),
    Upload("M37 image/png", _head(b"text/plain", b"image/png"), 200, stored=1),
]


@dataclass(frozen=True, slots=True)
class Content:
    """A file's content; ``samples`` in a readable one, else ``line`` of the first error."""

    name: str
    content: bytes
    samples: dict[int, float] | None = None
    line: int = 1
    hint: str = ""


T1, T2 = 1526292559214, 1526292559839
_BOTH = {T1: 95.0, T2: 96.0}
_A, _B = b"1526292559214,95", b"1526292559839,96"

CONTENTS = [
    Content("D1 LF", _A + b"\n" + _B + b"\n", _BOTH),
    Content("D1 CRLF", _A + b"\r\n" + _B + b"\r\n", _BOTH),
    Content("D1 mixed", _B + b"\r\n" + _A + b"\n", _BOTH),
    Content("D1 no newline at the end", _A + b"\n" + _B, _BOTH),
    *(
        Content(f"D2 {name}", _A + between + _B, line=1)
        for name, between in {
            "CR": b"\r",
            "VT": b"\x0b",
            "FF": b"\x0c",
            "FS": b"\x1c",
            "NEL": b"\xc2\x85",
            "U+2028": "\u2028".encode(),
        }.items()
    ),
    Content("D3 byte order mark", b"\xef\xbb\xbf" + _A + b"\n" + _B, _BOTH),
    Content("D4 byte order mark later", _A + b"\n\xef\xbb\xbf" + _B, line=2, hint="byte order"),
    Content("D4 two of them", b"\xef\xbb\xbf" * 2 + _A, hint="byte order"),
    Content("D5 NUL", _A + b"\n1526292559839,9\x006\n", line=2, hint="NUL"),
    Content("D5 binary", bytes(range(256)) * 20),
    Content("D5 gzip", b"\x1f\x8b\x08\x00" + _A),
    Content("D6 UTF-16", _A.decode().encode("utf-16"), hint="UTF-16"),
    Content("D7 blank lines at the end", _A + b"\n" + _B + b"\n\n\r\n\n", _BOTH),
    Content("D7 blank line amid", _A + b"\n\n" + _B + b"\n", line=2, hint="empty line"),
    Content("D7 blank line first", b"\n" + _A, hint="empty line"),
    Content("D8 header line", b"time,value\n" + _A, {T1: 95.0}),
    Content("D8 header line amid", _A + b"\ntime,value\n", line=2, hint="header"),
    Content("D8 header of other length", b"time,a,b\n" + _A, line=2, hint="fields"),
    *(
        Content(f"D9 {value.decode()}", _A + b"\n1526292559839," + value, line=2)
        for value in (b"NaN", b"Infinity", b"-inf", b"1e", b"0x10", b"1_000", b".5", b"5.", b"--5")
    ),
    Content("D10 Arabic digits", "١٥٢٦٢٩٢٥٥٩٢١٤,٩٥".encode()),
    Content("D10 full-width digits", b"1526292559214," + "９５".encode()),
    Content("D9 exponent", b"1526292559214,9.5E+1", {T1: 95.0}),
    Content("D9 exponent in the time", b"1.526E+12,95", hint="spreadsheet"),
    Content("D9 too large", b"1526292559214,1e309", hint="Too large"),
    Content("D11 plus", b"1526292559214,+95", {T1: 95.0}),
    Content("D11 plus in the time", b"+1526292559214,95", hint="plus"),
    Content("D11 blank before", b"1526292559214, 95", hint="blank"),
    Content("D11 blank behind", _A + b" ", hint="blank"),
    Content("D12 decimal", b"1526292559214,95.5", {T1: 95.5}),
    Content("D12 negative zero", b"1526292559214,-0.0", {T1: 0.0}),
    Content("D13 decimal comma", _A + b"\n1526292559839,96,5", line=2, hint="comma"),
    Content("D14 no value", b"1526292559214,", hint="No value"),
    Content("D14 no time", b",95", hint="time is missing"),
    Content("D14 no comma", b"152629255921495", hint="comma is missing"),
    Content("D15 third column", _A + b"\n1526292559839,96,ok", line=2, hint="fields"),
    Content("D15 third column of text", _A + b",ok", hint="Not a decimal number"),
    Content("D15 a date", b"2018-05-14T12:09:19+02:00,95", hint="date"),
    Content("D15 flash erased", _A + b"\n\xff\xff\xff", line=2, hint="up to line 1"),
    Content("D16 quotes", b'"1526292559214","95"', hint="Quotes"),
    Content("D17 negative time", b"-1526292559214,95", hint="sign"),
    Content("D18 time 0", b"0,95", hint="clock"),
    Content("D18 1970", b"86400000,95", hint="clock"),
    Content("D19 in 2100", b"4102444800000,95", hint="clock"),
    Content("D19 beyond the year 9999", b"9999999999999999,95"),
    Content("D20 2^63-1", b"9223372036854775807,95", hint="digits"),
    Content("D20 2^63", b"9223372036854775808,95", hint="digits"),
    Content("D20 4,300 digits", b"9" * 4300 + b",95", hint="digits"),
    Content("D20 4,300 digits of value", b"1526292559214," + b"9" * 4300, hint="digits"),
    Content("D20 20 digits of value", b"1526292559214," + b"9" * 20, {T1: 1e20}),
    Content("D21 seconds", b"1526292559,95", hint="seconds"),
    Content("D21 microseconds", b"1526292559214000,95", hint="microseconds"),
    Content("D22 one line twice", _A + b"\n" + _A + b"\n", {T1: 95.0}),
    Content("D23 one time, two values", _A + b"\n1526292559214,97\n", {T1: 97.0}),
    Content("D25 out of order", _B + b"\n" + _A, _BOTH),
    Content("D26 a line of 1 MB", b"1" * 10**6),
    Content("D26 a value of 1 MB", b"1526292559214,1." + b"0" * 10**6),
    Content("D28 a heart rate of 900", b"1526292559214,900", {T1: 900.0}),
    Content("leading zeros", b"0001526292559214,0095", {T1: 95.0}),
]


def as_part(content: Content) -> FilePart:
    return ("hr", "f", content.content)
