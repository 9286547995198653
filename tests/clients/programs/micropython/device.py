# MicroPython: HTTP by hand over its TLS, as on a board. PEM files become DER, as some ports want.
import binascii
import json
import os
import socket
import ssl
import sys
import time

URL, CA, CERT, KEY = [os.getenv(name) for name in ("URL", "CA", "CERT", "KEY")]
host, _, path = URL.split("//")[1].partition("/")
name, _, port = host.partition(":")


def der(file):
    with open(file) as opened:
        lines = opened.read().split("-----")[2].split()
    return binascii.a2b_base64("".join(lines))


context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
context.verify_mode = ssl.CERT_REQUIRED
context.load_verify_locations(cadata=der(CA))
context.load_cert_chain(der(CERT), der(KEY))


def send(kind, pieces):
    tcp = socket.socket()
    tcp.connect(socket.getaddrinfo("127.0.0.1", int(port))[0][-1])
    tls = context.wrap_socket(tcp, server_hostname=name)
    head = "POST /{} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Type: {}\r\nContent-Length: {}\r\n\r\n"
    tls.write(head.format(path, host, kind, sum(len(piece) for piece in pieces)).encode())
    for piece in pieces:
        view = memoryview(piece)
        while len(view):
            view = view[tls.write(view[:1024]) :]
    status = int(tls.readline().split()[1])
    headers = {}
    while True:
        line = tls.readline().strip()
        if not line:
            break
        field, _, value = line.decode().partition(":")
        headers[field.lower()] = value.strip()
    body = tls.read(int(headers["content-length"]))
    tls.close()
    return status, headers, body.decode()


if sys.argv[1] == "register":
    kind = "application/json"
    pieces = [json.dumps({"PSK": sys.stdin.read()}).encode()]
else:
    kind = "multipart/form-data; boundary=B"
    pieces = []
    for argument in sys.argv[2:]:
        measurement, _, file = argument.partition("=")
        pieces.append('--B\r\nContent-Disposition: form-data; name="{}"\r\n\r\n'.format(measurement).encode())
        with open(file, "rb") as opened:
            pieces.append(opened.read())
        pieces.append(b"\r\n")
    pieces.append(b"--B--\r\n")
for attempt in range(5):
    status, headers, body = send(kind, pieces)
    if status not in (429, 503):
        break
    time.sleep(int(headers["retry-after"]))
print(status, {200: "delete", 400: "set aside", 413: "set aside", 415: "set aside", 422: "set aside"}.get(status, "keep"))
print(body)
