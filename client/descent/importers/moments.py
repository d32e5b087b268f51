"""Moments without an offset, which many tools write."""

from datetime import UTC, datetime

from descent.importers.at import At
from descent.importers.draft import Draft, moment


def moment_as_utc(at: At | None, draft: Draft) -> str | None:
    """Return a moment in RFC 3339; one without offset is taken as UTC, which the draft says.

    None where there is none, or no moment, or one without offset that as UTC is still to come: it is local time there.
    """
    if at is None or at.value is None:
        return None
    if stated := moment(at):
        return stated
    place, parsed = at.place or "time", parse(at)
    if parsed is None:
        draft.skip(place, f'"{at.value}" is not a date or time.')
    elif parsed > datetime.now(UTC):
        draft.skip(place, f"{at.value} has no offset, and read as UTC it is in the future.")
    else:
        draft.placed.append((place, f"{written(parsed)}, as UTC, since it has no offset"))
        return written(parsed)
    return None


def parse(at: At) -> datetime | None:
    """Return a moment, without offset as UTC; None if it is none."""
    try:
        parsed = datetime.fromisoformat(at.value.strip().upper()) if isinstance(at.value, str) else None
    except ValueError:
        return None
    return parsed.replace(tzinfo=UTC) if parsed is not None and parsed.tzinfo is None else parsed


def written(moment: datetime) -> str:
    """Return a moment with an offset in RFC 3339, in UTC."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
