"""Addresses of pages: the first segment is the view, the rest the ref, `#` written as `%23`."""

import re
from typing import Final
from urllib.parse import quote, urlencode

from starlette.requests import Request

_PLAIN: Final = "/:@!$'()*,;~"
"""Characters of refs that stay as they are in a path; `+` and `&` do not, since some programs read them otherwise."""

_AS_IT_IS: Final = re.compile(rf"[\w.{re.escape(_PLAIN)}-]*", re.ASCII)
"""Refs of which nothing has to be escaped: nearly all."""

_STEPS: Final = frozenset({"", ".", ".."})

_LOCAL: Final = re.compile(r"/(?![/\\])[!-~]*")


def address(view: str, ref: str = "", /, **query: str | None) -> str:
    """The address of a view: of a record where `ref` names one, with the parts of the query that are not None.

    >>> address("record", "dataset:loans@2024-12#train-us")
    '/record/dataset:loans@2024-12%23train-us'
    """
    path = f"/{view}/{_path(ref)}" if ref else f"/{view}"
    if not query:
        return path
    given = {name: value for name, value in query.items() if value is not None}
    return f"{path}?{urlencode(given)}" if given else path


def _path(ref: str) -> str:
    # Browsers resolve `.` and `..` between slashes, so that the slashes of a name that has them are escaped.
    steps = not _STEPS.isdisjoint(ref.split("/"))
    if not steps and _AS_IT_IS.fullmatch(ref):
        return ref
    return quote(ref, safe=_PLAIN.replace("/", "") if steps else _PLAIN)


def local(given: str | None) -> str:
    """`given` where it is the address of a page of this server, otherwise that of the home page.

    What leads to another host, `//evil.example` for one, is none: nobody is sent away from here by a link to here.
    """
    return given if given and _LOCAL.fullmatch(given) else "/"


def without(request: Request, *names: str | None, **more: str) -> str:
    """The address of a request without some parts of its query, and with others."""
    left = {name: value for name, value in request.query_params.items() if value and name not in names} | more
    return path_of(request) + (f"?{urlencode(left)}" if left else "")


def path_of(request: Request) -> str:
    """The path of a request as its address has it, which is not decoded."""
    return request.scope.get("raw_path", b"").decode("ascii", "replace").partition("?")[0] or request.url.path
