"""The files that pages load, by an address with their digest in it, so that browsers keep them for good."""

import gzip
import hashlib
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from descentd.app.http.errors import problem_response
from descentd.app.http.negotiation import accepts_gzip
from descentd.graph.model.errors import NotFound
from descentd.graph.turns import in_thread

PATH: Final = "/static/{digest}/{name:path}"

_TYPES: Final = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml", "txt": "text/plain"}
_FOR_GOOD: Final = "public, max-age=31536000, immutable"
_COMPRESSED: Final = 1400


@dataclass(frozen=True)
class _File:
    body: bytes
    kind: str
    tag: str

    @cached_property
    def gzipped(self) -> bytes:
        """Compressed as well as can be, when it is first asked for: the largest takes longer than a server to start."""
        return gzip.compress(self.body, 9, mtime=0)


class StaticFiles:
    """Everything in `static/`, in memory. One digest is over all of it, so that modules import each other by name."""

    def __init__(self) -> None:
        self._files: dict[str, _File] = {}
        whole = hashlib.sha256()
        folder = files("descentd.app.explorer").joinpath("static")
        for found in sorted(folder.iterdir(), key=lambda one: one.name):
            kind = _TYPES.get(found.name.rpartition(".")[2])
            if kind is not None:
                body = found.read_bytes()
                whole.update(found.name.encode() + b"\0" + body)
                tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
                self._files[found.name] = _File(body, kind, tag)
        self.digest = whole.hexdigest()[:16]

    def address(self, name: str) -> str:
        """Where a file is; raises KeyError for one that is not there."""
        if name not in self._files:
            raise KeyError(name)
        return f"/static/{self.digest}/{name}"

    async def answer(self, request: Request) -> Response:
        """The file that a request names.

        One that is asked for by an older digest, by a page from before an upgrade, is sent as it is now, and not kept.
        """
        file = self._files.get(request.path_params["name"])
        if file is None:
            return problem_response(NotFound("There is no such file: check its path."))
        current = request.path_params["digest"] == self.digest
        headers = {
            "ETag": file.tag,
            "Cache-Control": _FOR_GOOD if current else "no-cache",
            "Vary": "Accept-Encoding",
            "Cross-Origin-Resource-Policy": "same-origin",
        }
        if file.tag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        body = file.body
        if len(body) >= _COMPRESSED and accepts_gzip(request.headers):
            body = await in_thread(lambda: file.gzipped)
            headers["Content-Encoding"] = "gzip"
        return Response(body, headers=headers, media_type=file.kind)
