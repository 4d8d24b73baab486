# SPDX-License-Identifier: Apache-2.0
"""Certificates made on the spot, and a front that speaks TLS before a server that does not."""
import asyncio
import ssl
import subprocess
import threading
from pathlib import Path

from rig.wait import wait_for


def openssl(*args: str, folder: Path) -> None:
    subprocess.run(["openssl", *args], cwd=folder, check=True, capture_output=True, timeout=60)


def make_certificates(folder: Path, names: str) -> None:
    """ca.pem, and server.pem with its key for the names, under that authority."""
    new_key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    openssl("req", "-x509", *new_key, "-keyout", "ca.key", "-out", "ca.pem", "-days", "1",
            "-subj", "/CN=authority", folder=folder)
    openssl("req", *new_key, "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=server",
            folder=folder)
    (folder / "names").write_text(f"subjectAltName={names}\n")
    openssl("x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key",
            "-CAcreateserial", "-days", "1", "-extfile", "names", "-out", "server.pem",
            folder=folder)


class TlsFront:
    def __init__(self, folder: Path, target: int):
        self.target, self.port = target, 0
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(folder / "server.pem", folder / "server.key")
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()
        wait_for("the front listening", lambda: self.port)

    def _run(self) -> None:
        self.loop.set_exception_handler(lambda loop, context: None)
        server = self.loop.run_until_complete(asyncio.start_server(
            self._serve, "127.0.0.1", 0, ssl=self.context))
        self.port = server.sockets[0].getsockname()[1]
        self.loop.run_forever()
        server.close()
        under_way = asyncio.all_tasks(self.loop)
        for task in under_way:
            task.cancel()
        if under_way:
            self.loop.run_until_complete(asyncio.wait(under_way))
        self.loop.run_until_complete(asyncio.sleep(0))  # what the cancelled ones closed
        self.loop.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, here = await asyncio.open_connection("127.0.0.1", self.target)
        await asyncio.gather(self._pass_on(reader, here), self._pass_on(there, writer),
                             return_exceptions=True)

    @staticmethod
    async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        finally:
            writer.close()

    def close(self) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)
