"""What becomes known of a version after another import has registered it by its name alone.

Its content cannot change any more. Its lineage is added by a disclosure, and its safety profile by a statement.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from descent.importers.draft import Draft

REASON: Final = "Imported after the version had been registered by its name alone."


def is_bare(content: Mapping[str, Any] | None) -> bool:
    """Return whether a version says nothing but its name."""
    return content is not None and content.keys() <= {"name", "version"}


def disclosed(entry: Mapping[str, Any], ref: str, draft: Draft, content: dict[str, Any]) -> None:
    """Add what a version states to a manifest as statements about it, and say in the draft what none can state."""
    lineage = {key: entry[key] for key in ("parents", "trainedOn") if entry.get(key)}
    if lineage:
        source = Path(draft.source).name
        statement = {"subject": ref, **lineage, "source": source, "reason": REASON}
        content.setdefault("disclosures", []).append(statement)
        draft.placed.append((ref, "a disclosure of its lineage, since it was registered by its name alone before"))
    if entry.get("safetyProfile"):
        profile = {"subject": ref, "profile": entry["safetyProfile"]}
        content.setdefault("safetyProfiles", []).append(profile)
    left = [key for key in ("artifacts", "config", "code", "environment", "description", "createdAt") if entry.get(key)]
    if left:
        why = f"{ref} was registered by its name alone before, and what it consists of is never changed"
        draft.skip(ref, f"{why}: {', '.join(left)} cannot be added. Give it another version with --model.")
