"""Qt's QNetworkAccessManager, from PySide6."""

from __future__ import annotations

import json
from pathlib import Path

from decisions import CA, CERT, KEY, URL, Answer, Files, run
from PySide6.QtCore import QCoreApplication, QUrl
from PySide6.QtNetwork import (
    QHttpMultiPart,
    QHttpPart,
    QNetworkAccessManager,
    QNetworkReply,
    QNetworkRequest,
    QSsl,
    QSslCertificate,
    QSslConfiguration,
    QSslKey,
)

application = QCoreApplication([])
manager = QNetworkAccessManager()
tls = QSslConfiguration.defaultConfiguration()
tls.setCaCertificates(QSslCertificate.fromPath(CA))
tls.setLocalCertificateChain(QSslCertificate.fromPath(CERT))
pem = Path(KEY).read_bytes()
tls.setPrivateKey(QSslKey(pem, QSsl.KeyAlgorithm.Ec, QSsl.EncodingFormat.Pem))
request = QNetworkRequest(QUrl(URL))
request.setSslConfiguration(tls)


def receive(reply: QNetworkReply) -> Answer:
    reply.finished.connect(application.quit)
    application.exec()
    status = reply.attribute(QNetworkRequest.Attribute.HttpStatusCodeAttribute)
    headers = {
        name.data().decode(): value.data().decode() for name, value in reply.rawHeaderPairs()
    }
    return status or 0, headers, reply.readAll().data().decode()


def register(psk: str) -> Answer:
    request.setHeader(QNetworkRequest.KnownHeaders.ContentTypeHeader, "application/json")
    return receive(manager.post(request, json.dumps({"PSK": psk}).encode()))


def upload(files: Files) -> Answer:
    form = QHttpMultiPart(QHttpMultiPart.ContentType.FormDataType)
    for name, path in files.items():
        part = QHttpPart()
        part.setHeader(
            QNetworkRequest.KnownHeaders.ContentDispositionHeader,
            f'form-data; name="{name}"; filename="{path.name}"',
        )
        part.setBody(path.read_bytes())
        form.append(part)
    return receive(manager.post(request, form))


run(register, upload)
