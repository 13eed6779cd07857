"""Python's `websockets` as a client of ws-server.mjs, through a proxy; a line of JSON for each check, and 1 where one failed.

websockets-client.py --url wss://chat.example:8443/ws [--ca ca.pem] [--address 127.0.0.1] [--foreign https://evil.example]
"""

import argparse
import asyncio
import json
import ssl
import sys
from urllib.parse import urlsplit

from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.asyncio.client import connect

parser = argparse.ArgumentParser()
parser.add_argument("--url", required=True)
parser.add_argument("--ca")
parser.add_argument("--address", default="127.0.0.1")
parser.add_argument("--foreign")
given = parser.parse_args()
parts = urlsplit(given.url)
secure = parts.scheme == "wss"
CLOSE = '{"do":"close","code":1001}'
ORIGIN = f"{'https' if secure else 'http'}://{parts.netloc}"


def opened(origin=ORIGIN, ca=given.ca, **options):
    tls = {"ssl": ssl.create_default_context(cafile=ca), "server_hostname": parts.hostname} if secure else {}
    at = {"host": given.address, "port": parts.port or (443 if secure else 80)}
    return connect(given.url, origin=origin, max_size=None, proxy=None, **at, **tls, **options)


async def ask(client, message):
    await client.send(message)
    return await client.recv()


async def text():
    async with opened() as client:
        for message in ["hello", "grüße 中 🙂", "x" * 300_000]:
            assert await ask(client, message) == message, "the echo differs"


async def binary():
    message = bytes(range(256)) * 4096
    async with opened() as client:
        assert await ask(client, message) == message, "the echo differs"


async def fragments():
    async with opened(compression=None) as client:
        assert await ask(client, ["one ", "two"]) == "one two", "the echo differs"


async def ping():
    async with opened() as client:
        await (await client.ping())
        assert await ask(client, '{"do":"ping"}') == "pong", "the server's ping"


async def deflate():
    async with opened() as client:
        names = [extension.name for extension in client.protocol.extensions]
        assert names == ["permessage-deflate"], f"extensions: {names}"
        assert await ask(client, "a" * (1 << 20)) == "a" * (1 << 20), "the echo differs"
    async with opened(compression=None) as client:
        assert not client.protocol.extensions, "an extension that was not asked for"


async def subprotocol():
    async with opened(subprotocols=["other", "chat.v1"]) as client:
        assert client.subprotocol == "chat.v1", f"chosen: {client.subprotocol}"


async def cookies():
    async with opened(additional_headers={"Cookie": "session=mine"}) as client:
        seen = json.loads(await ask(client, '{"do":"who"}'))["cookie"]
        assert "session=mine" in seen, f"sent: {seen}"
        kept = client.response.headers.get_all("Set-Cookie")
        assert any(cookie.startswith("handshake=101") for cookie in kept), f"set: {kept}"


async def reconnect():
    async with opened() as client:
        try:
            raise AssertionError(f"still open: {await ask(client, CLOSE)}")
        except ConnectionClosed as gone:
            assert gone.rcvd and gone.rcvd.code == 1001, f"close: {gone}"
    await text()


async def foreign():
    try:
        async with opened(origin=given.foreign):
            raise AssertionError("it was let in")
    except InvalidStatus as refused:
        assert refused.response.status_code == 403, f"status {refused.response.status_code}"


async def untrusted():
    try:
        async with opened(ca=None):
            raise AssertionError("it was let in")
    except ssl.SSLCertVerificationError:
        pass


checks = [text, binary, fragments, ping, deflate, subprotocol, cookies, reconnect]
checks += [foreign] if given.foreign else []
checks += [untrusted] if secure else []
failed = False
for check in checks:
    line = {"check": check.__name__, "ok": True}
    try:
        asyncio.run(asyncio.wait_for(check(), 15))
    except Exception as why:  # whatever it is, it is what the line is for
        line |= {"ok": False, "why": f"{type(why).__name__}: {why}"}
        failed = True
    print(json.dumps(line), flush=True)
sys.exit(failed)
