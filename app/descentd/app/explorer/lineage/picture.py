"""The picture by itself: an SVG file that needs neither the page nor its style sheet."""

from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import Response

from descentd.app.explorer.lineage.parts import Figure, Seen

_TEMPLATES: Final = Environment(
    loader=PackageLoader("descentd.app.explorer"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    auto_reload=False,
)


def picture(seen: Seen, drawn: Figure, name: str) -> Response:
    """The drawing as a file to download."""
    body = _TEMPLATES.get_template("lineage-picture.svg").render(
        figure=drawn,
        seen=seen,
        t=seen.asked.words,
        asked=seen.asked,
        brief=seen.selection.members[seen.selection.middle].brief,
    )
    return Response(
        body,
        media_type="image/svg+xml",
        headers={
            "Content-Disposition": f'attachment; filename="{name}"',
            # It is opened by itself too, and holds its own style.
            "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
        },
    )
