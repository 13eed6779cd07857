"""An HTTP/2 client: `http2.py PORT HOST CA get|websocket PATH` prints what it saw, a line each.

`get` sends a plain request; `websocket` an extended CONNECT (RFC 8441) and, once it is accepted, one text frame.
"""

import os
import socket
import ssl
import struct
import sys

import h2.config
import h2.connection
import h2.events
import h2.exceptions
import h2.settings

PROTOCOL = h2.settings.SettingCodes.ENABLE_CONNECT_PROTOCOL


def frame(text: bytes) -> bytes:
    mask = os.urandom(4)
    masked = bytes(byte ^ mask[at % 4] for at, byte in enumerate(text))
    return struct.pack("!BB", 0x81, 0x80 | len(text)) + mask + masked


def main() -> None:
    port, host, authority, what, path = sys.argv[1:]
    context = ssl.create_default_context(cafile=authority)
    context.set_alpn_protocols(["h2", "http/1.1"])
    sock = context.wrap_socket(socket.create_connection(("127.0.0.1", int(port)), timeout=5), server_hostname=host)
    print("alpn", sock.selected_alpn_protocol())
    if sock.selected_alpn_protocol() != "h2":
        return
    connection = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True, header_encoding="utf-8"))
    connection.initiate_connection()
    sock.sendall(connection.data_to_send())
    asked = False
    received = b""
    while True:
        data = sock.recv(65536)
        if not data:
            print("closed")
            return
        for event in connection.receive_data(data):
            if isinstance(event, h2.events.RemoteSettingsChanged) and not asked:
                asked = True
                print("connect-protocol", connection.remote_settings.enable_connect_protocol)
                if what == "get":
                    headers = [(":method", "GET"), (":scheme", "https"), (":authority", host), (":path", path)]
                    connection.send_headers(1, headers, end_stream=True)
                elif connection.remote_settings.enable_connect_protocol:
                    headers = [(":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "https"), (":authority", host)]
                    headers += [(":path", path), ("sec-websocket-version", "13")]
                    connection.send_headers(1, headers)
                else:
                    return
            elif isinstance(event, h2.events.ResponseReceived):
                print("status", dict(event.headers)[":status"])
                if what == "websocket":
                    try:
                        connection.send_data(1, frame(b"hello"))
                    except h2.exceptions.StreamClosedError:
                        print("answered")  # an ordinary answer, complete: no tunnel
            elif isinstance(event, h2.events.DataReceived):
                received += event.data
                if what == "websocket" and received.endswith(b"hello"):
                    print("echo", received[2:].decode())
                    return
            elif isinstance(event, h2.events.StreamEnded):
                print("body", len(received))
                return
            elif isinstance(event, (h2.events.StreamReset, h2.events.ConnectionTerminated)):
                print("reset")
                return
        sock.sendall(connection.data_to_send())


main()
