"""A server with the endpoints of the hub that huggingface_hub asks, and the addresses of VLMEvalKit's files.

It serves folders: models/OWNER/NAME and datasets/OWNER/NAME, with the same content at whatever commit is asked for, and
web/ for addresses of other hosts. It can misbehave: `drop` ends answers half way, `slow` sends a file piece by piece.
"""

import hashlib
import http.server
import json
import re
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from fnmatch import fnmatch
from functools import cache
from pathlib import Path
from typing import Self
from urllib.parse import unquote, urlsplit

LARGE = (".safetensors", ".bin", ".pt", ".onnx", ".parquet")  # what the hub keeps beside git
PIECE = 4096
_COMMIT = re.compile("[0-9a-f]{40}")
_API = re.compile(
    r"/api/(?P<kind>models|datasets)/(?P<name>[^/]+/[^/]+)(/(?P<what>revision|tree)/(?P<revision>[^/]+).*)?"
)
_FILE = re.compile(r"/(?P<kind>datasets/)?(?P<name>[^/]+/[^/]+)/resolve/(?P<revision>[^/]+)/(?P<path>.+)")


@cache
def digests(path: Path) -> tuple[str, str]:
    """SHA-256 of a file, and the hash by which git knows it."""
    content = path.read_bytes()
    return hashlib.sha256(content).hexdigest(), hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def commit(revision: str | None) -> str:
    """The commit that a revision stands for."""
    return revision if revision and _COMMIT.fullmatch(revision) else "c" * 40


def etag(path: Path) -> str:
    """What the hub names a file's content by."""
    return digests(path)[0 if path.suffix in LARGE else 1]


@dataclass
class Hub:
    """What is served, and how badly.

    Attributes:
        root: holds models, datasets and web.
        drop: pattern of a path → how many of the next answers to it end half way.
        slow: pattern of a path → seconds between pieces of it.
        served: path → how many bytes of it were sent, over all answers.
    """

    root: Path
    drop: Counter = field(default_factory=Counter)
    slow: dict[str, float] = field(default_factory=dict)
    served: Counter = field(default_factory=Counter)
    dropped: list[str] = field(default_factory=list)

    def __enter__(self) -> Self:
        handler = type("Handler", (_Handler,), {"hub": self})
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def endpoint(self) -> str:
        """What HF_ENDPOINT is to be."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def takes(self, path: str, patterns: Counter) -> bool:
        """Whether one of the next misfortunes is this path's; then there is one fewer."""
        for pattern in patterns:
            if patterns[pattern] > 0 and fnmatch(path, pattern):
                patterns[pattern] -= 1
                return True
        return False


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: Hub

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path)
        if match := _API.fullmatch(path):
            self._api(**match.groupdict())
        elif match := _FILE.fullmatch(path):
            kind = "datasets" if match["kind"] else "models"
            file = self.hub.root / kind / match["name"] / match["path"]
            digest = f'"{etag(file)}"' if file.is_file() else ""
            self._send(path, file, {"ETag": digest, "X-Repo-Commit": commit(match["revision"])})
        else:
            self._send(path, self.hub.root / "web" / path.lstrip("/"), {})

    do_HEAD = do_GET  # noqa: N815

    def _api(self, kind: str, name: str, what: str | None, revision: str | None) -> None:
        folder = self.hub.root / kind / name
        if not folder.is_dir():
            return self._json(404, {"error": "Repository not found"}, {"X-Error-Code": "RepoNotFound"})
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        if what == "tree":
            return self._json(200, [self._entry(folder, path) for path in files])
        siblings = [{"rfilename": path.relative_to(folder).as_posix()} for path in files]
        facts = {"id": name, "sha": commit(revision), "private": False, "gated": False, "disabled": False}
        return self._json(200, facts | {"downloads": 0, "likes": 0, "tags": [], "siblings": siblings})

    @staticmethod
    def _entry(folder: Path, path: Path) -> dict:
        sha256, git = digests(path)
        size = path.stat().st_size
        large = {"lfs": {"oid": sha256, "size": size, "pointerSize": 130}} if path.suffix in LARGE else {}
        return {"type": "file", "path": path.relative_to(folder).as_posix(), "size": size, "oid": git} | large

    def _json(self, status: int, content: object, headers: dict[str, str] | None = None) -> None:
        body = json.dumps(content).encode()
        self._head(status, len(body), {"Content-Type": "application/json", **(headers or {})})
        if self.command == "GET":
            self.wfile.write(body)

    def _head(self, status: int, length: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(length), **headers}.items():
            self.send_header(name, value)
        self.end_headers()

    def _send(self, path: str, file: Path, headers: dict[str, str]) -> None:
        if not file.is_file():
            return self._json(404, {"error": "Entry not found"}, {"X-Error-Code": "EntryNotFound"})
        content = file.read_bytes()
        start = int((self.headers.get("Range") or "bytes=0-").removeprefix("bytes=").partition("-")[0] or 0)
        headers = {"Accept-Ranges": "bytes", **headers}
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        self._head(206 if start else 200, len(content) - start, headers)
        if self.command != "GET":
            return None
        is_dropped = self.hub.takes(path, self.hub.drop)
        end = start + (len(content) - start) // 2 if is_dropped else len(content)
        pause = next((seconds for pattern, seconds in self.hub.slow.items() if fnmatch(path, pattern)), 0)
        step = PIECE if pause else len(content) or 1
        for place in range(start, end, step):
            piece = content[place : min(place + step, end)]
            try:
                self.wfile.write(piece)
            except ConnectionError:  # whoever asked was killed
                return None
            self.hub.served[path] += len(piece)
            time.sleep(pause)
        if is_dropped:
            self.hub.dropped.append(path)
            self.wfile.flush()
            self.close_connection = True
            self.connection.close()
        return None
