"""An SMTP server that keeps the mails it is sent, each as a file of JSON, for a test to read.

usage: FOLDER ["starttls"] [USER PASSWORD]

In the folder, a test may put `fail`, holding the code the next mail is refused with, and `hang`: as long as it is there,
mails are taken and never answered.
"""

import asyncio
import datetime
import email
import email.policy
import ipaddress
import itertools
import json
import pathlib
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec


class Mailbox:
    def __init__(self, folder):
        self.folder = folder
        self.numbers = itertools.count()
        (folder / "mails").mkdir()

    async def handle_DATA(self, server, session, envelope):
        while (self.folder / "hang").exists():
            await asyncio.sleep(0.02)
        fail = self.folder / "fail"
        if fail.exists():
            code = fail.read_text()
            fail.unlink()
            return f"{code} refused, as the test asked for"
        self.keep(envelope)
        return "250 OK"

    def keep(self, envelope):
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        bodies = {kind: message.get_body((kind,)) for kind in ("plain", "html")}
        mail = {
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "subject": message["subject"] or "",
            "text": bodies["plain"].get_content() if bodies["plain"] else "",
            "html": bodies["html"].get_content() if bodies["html"] else None,
            "raw": envelope.content.decode("utf-8", "replace"),
        }
        file = self.folder / "mails" / f"{next(self.numbers):06}.json"
        unfinished = file.with_suffix(".part")
        unfinished.write_text(json.dumps(mail))
        unfinished.rename(file)


def certificate(folder):
    """One for the loopback interface that nobody has signed; `certificate.pem` is for those who shall trust it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    now = datetime.datetime.now(datetime.timezone.utc)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "certificate.pem").write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(folder / "certificate.pem", folder / "key.pem")
    return context


async def serve(folder, *options):
    mailbox = Mailbox(folder)
    settings = {"hostname": "localhost", "enable_SMTPUTF8": True, "loop": asyncio.get_running_loop()}
    if options[:1] == ("starttls",):
        options = options[1:]
        settings |= {"tls_context": certificate(folder), "require_starttls": True}
    if options:
        account = tuple(option.encode() for option in options)

        def authenticate(server, session, envelope, mechanism, data):
            # `handled=False`: the refusal is left to the library.
            return AuthResult(success=(data.login, data.password) == account, handled=False)

        settings |= {"authenticator": authenticate, "auth_required": True, "auth_require_tls": False}
    listener = await settings["loop"].create_server(lambda: SMTP(mailbox, **settings), "127.0.0.1", 0)
    print(f"listening on port {listener.sockets[0].getsockname()[1]}.", flush=True)
    await listener.serve_forever()


asyncio.run(serve(pathlib.Path(sys.argv[1]), *sys.argv[2:]))
