"""Retention: accesses, arrivals and deliveries that are older than the settings allow are forgotten."""

import asyncio
import getpass
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Final

import structlog

from descentd.app.checkpoints.signer import Signer
from descentd.app.server.settings import Settings
from descentd.app.server.store_url import with_store
from descentd.graph.model.accounts import Access
from descentd.graph.model.chain import Chain
from descentd.graph.model.clock import now
from descentd.graph.model.errors import DescentError
from descentd.graph.pruning import Close, sign_base
from descentd.graph.pruning import prune as pruned
from descentd.graph.store.base import Store as Opened
from descentd.graph.verify_chains import NAMES
from descentd.queries.prose import counted
from descentd.queries.registry import Registry

log = structlog.get_logger()

DAY: Final = 86_400_000_000
"""Microseconds."""

_EVERY: Final = 3600.0


def retentions(settings: Settings) -> Mapping[Chain, int]:
    """The days for which the events of each chain are kept; those that are kept for ever are not in it."""
    days = {
        Chain.ACCESSES: settings.retain_access_log,
        Chain.ARRIVALS: settings.retain_arrivals,
        Chain.DELIVERIES: settings.retain_deliveries,
    }
    return {chain: count for chain, count in days.items() if count}


def closing(signer: Signer | None) -> Close:
    """What signs that events were forgotten; without a key nothing does."""
    return signer.close if signer is not None else lambda _chain, _number, _hash: ""


def prune(store: str | None, *, dry_run: bool) -> None:
    """Forget what is older than the retention in the settings; with `dry_run`, only print the retention."""
    settings = Settings.read(store=store)
    kept = retentions(settings)
    if dry_run:
        for chain in NAMES:
            said = counted(kept[chain], "day") if chain in kept else "for ever"
            sys.stdout.write(f"Entries of {NAMES[chain]} are kept {said}.\n")
        return
    close = closing(Signer.of(settings))

    async def forget(opened: Opened) -> Mapping[Chain, int]:
        for chain in NAMES:
            await sign_base(opened, chain, close)
        counts = {chain: await pruned(opened, chain, now() - days * DAY, close) for chain, days in kept.items()}
        said = ", ".join(f"{chain} {count}" for chain, count in counts.items())
        access = Access(now(), getpass.getuser(), "command line", "", "descentd", "prune", "OK", said)
        await opened.accounts.record_accesses([access])
        return counts

    for chain, count in asyncio.run(with_store(settings.store, forget)).items():
        sys.stdout.write(f"Forgot {count:,} {'entry' if count == 1 else 'entries'} of {NAMES[chain]}.\n")


class Retention:
    """Forgets by itself what was kept for long enough. `registry` raises Unavailable while there is none."""

    def __init__(
        self, settings: Settings, registry: Callable[[], Registry], signer: Signer | None, every: float = _EVERY
    ) -> None:
        self._kept = retentions(settings)
        self._registry = registry
        self._close = closing(signer)
        self._every = every
        self._ending = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Forget from now on."""
        if self._kept:
            self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Let the step that was begun end, and begin no other."""
        self._ending.set()
        if self._task is not None:
            await self._task

    async def _run(self) -> None:
        while not self._ending.is_set():
            for chain, days in self._kept.items():
                await self._forget(chain, now() - days * DAY)
            with suppress(TimeoutError):
                async with asyncio.timeout(self._every):
                    await self._ending.wait()

    async def _forget(self, chain: Chain, before: int) -> None:
        try:
            if count := await pruned(self._registry().store, chain, before, self._close):
                log.info("pruned", log=chain.value, entries=count)
        except DescentError as error:
            log.warning("not_pruned", log=chain.value, reason=error.message)
        except Exception as error:
            log.error("not_pruned", log=chain.value, exc_info=error)
