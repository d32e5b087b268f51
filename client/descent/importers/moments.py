"""Moments as other tools write them."""

from datetime import UTC, datetime

from descent.importers.at import At
from descent.importers.draft import Draft


def moment(at: At | None, draft: Draft) -> str | None:
    """Return a moment in RFC 3339 with the offset Z; None where there is none, or no moment, which the draft then says.

    A moment without an offset is taken as UTC, and the draft says so: many tools write the local time of a machine.
    """
    parsed = None if at is None else parse(at)
    if parsed is None:
        if at is not None and at.value is not None:
            draft.skip(at.place or "time", f'"{at.value}" is no moment.')
        return None
    if parsed.tzinfo is None:
        assert at is not None
        draft.placed.append((at.place or "time", f"{parsed.isoformat()}Z, as UTC, since it has no offset"))
        parsed = parsed.replace(tzinfo=UTC)
    return written(parsed)


def parse(at: At) -> datetime | None:
    """Return a moment as it is written, with or without offset; None if it is none."""
    if not isinstance(at.value, str):
        return None
    try:
        return datetime.fromisoformat(at.value.strip().upper())
    except ValueError:
        return None


def written(moment: datetime) -> str:
    """Return a moment with an offset in RFC 3339, in UTC."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
