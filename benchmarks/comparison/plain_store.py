"""The least of an S3 that files can be downloaded from, whole or by ranges: for where SeaweedFS is not.

    python plain_store.py FOLDER

serves the files of the folder, `<bucket>/<key>`, prints its port and ends with its standard input. The system moves
the bytes, so that the server takes less of the cores than any S3 would.
"""

from __future__ import annotations

import re
import sys
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit


class _Handler(SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        path, start, count = self._answer()
        if count:
            self.wfile.flush()
            with path.open("rb") as file:
                self.connection.sendfile(file, start, count)

    def _answer(self) -> tuple[Path, int, int]:
        """Says what comes; the file, where it begins and how many bytes there are."""
        path = Path(self.directory, unquote(urlsplit(self.path).path).lstrip("/"))
        size = path.stat().st_size if path.is_file() else 0
        asked = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        start, stop = (int(asked[1]), min(int(asked[2]) + 1, size)) if asked else (0, size)
        self.send_response(404 if not path.exists() else 206 if asked else 200)
        self.send_header("Content-Length", str(stop - start))
        if asked:
            self.send_header("Content-Range", f"bytes {start}-{stop - 1}/{size}")
        self.send_header("Last-Modified", self.date_time_string())
        self.send_header("ETag", '"0"')
        self.end_headers()
        return path, start, stop - start


def main() -> None:
    folder = sys.argv[1]
    server = ThreadingHTTPServer(("127.0.0.1", 0), lambda *arguments: _Handler(*arguments, directory=folder))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_address[1], flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
