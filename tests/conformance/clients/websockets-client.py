"""Python's `websockets` as a client of ws-server.mjs, through a proxy; a line of JSON for each check, and 1 where one failed.

websockets-client.py --url wss://chat.example:8443/ws [--ca ca.pem] [--address 127.0.0.1] [--foreign https://evil.example]
"""

import argparse
import json
import socket
import ssl
import sys
from urllib.parse import urlsplit

from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

parser = argparse.ArgumentParser()
parser.add_argument("--url", required=True)
parser.add_argument("--ca")
parser.add_argument("--address", default="127.0.0.1")
parser.add_argument("--foreign")
given = parser.parse_args()
parts = urlsplit(given.url)
secure = parts.scheme == "wss"
ORIGIN = f"{'https' if secure else 'http'}://{parts.netloc}"


def opened(origin=ORIGIN, ca=given.ca, **options):
    sock = socket.create_connection((given.address, parts.port or (443 if secure else 80)), timeout=10)
    tls = {"ssl": ssl.create_default_context(cafile=ca), "server_hostname": parts.hostname} if secure else {}
    return connect(given.url, sock=sock, origin=origin, max_size=None, **tls, **options)


def ask(client, message):
    client.send(message)
    return client.recv(timeout=10)


def text():
    with opened() as client:
        for message in ["hello", "grüße 中 🙂", "x" * 300_000]:
            assert ask(client, message) == message, "echo"


def binary():
    message = bytes(range(256)) * 4096
    with opened() as client:
        assert ask(client, message) == message, "echo"


def fragments():
    with opened(compression=None) as client:
        assert ask(client, ["one ", "two"]) == "one two", "echo"


def ping():
    with opened() as client:
        assert client.ping().wait(10), "no pong"
        assert ask(client, '{"do":"ping"}') == "pong", "the server's ping"


def deflate():
    with opened() as client:
        names = [extension.name for extension in client.protocol.extensions]
        assert names == ["permessage-deflate"], f"negotiated: {names}"
        assert ask(client, "a" * (1 << 20)) == "a" * (1 << 20), "echo"
    with opened(compression=None) as client:
        assert not client.protocol.extensions, "not asked for"


def subprotocol():
    with opened(subprotocols=["other", "chat.v1"]) as client:
        assert client.subprotocol == "chat.v1", f"chosen: {client.subprotocol}"


def cookies():
    with opened(additional_headers={"Cookie": "session=mine"}) as client:
        seen = json.loads(ask(client, '{"do":"who"}'))["cookie"]
        assert "session=mine" in seen, f"sent: {seen}"
        kept = client.response.headers.get_all("Set-Cookie")
        assert any(cookie.startswith("handshake=101") for cookie in kept), f"set: {kept}"


def reconnect():
    with opened() as client:
        try:
            raise AssertionError(f"still open: {ask(client, json.dumps({'do': 'close', 'code': 1001}, separators=(',', ':')))}")
        except ConnectionClosed as gone:
            assert gone.rcvd and gone.rcvd.code == 1001, f"close: {gone}"
    text()


def foreign():
    try:
        opened(origin=given.foreign).close()
    except InvalidStatus as refused:
        assert refused.response.status_code == 403, f"status {refused.response.status_code}"
    else:
        raise AssertionError("it was let in")


def untrusted():
    try:
        opened(ca=None).close()
    except ssl.SSLCertVerificationError:
        return
    raise AssertionError("it was let in")


checks = [text, binary, fragments, ping, deflate, subprotocol, cookies, reconnect]
checks += [foreign] if given.foreign else []
checks += [untrusted] if secure else []
failed = False
for check in checks:
    line = {"check": check.__name__, "ok": True}
    try:
        check()
    except Exception as why:  # whatever it is, it is what the line is for
        line |= {"ok": False, "why": f"{type(why).__name__}: {why}"}
        failed = True
    print(json.dumps(line), flush=True)
sys.exit(failed)
