"""What each worker of a server runs: the application, with the settings that `descentd serve` has handed over."""

import gc
import sys

from starlette.applications import Starlette

from descentd.app.server import logging
from descentd.app.server.settings import Settings
from descentd.app.server.store_url import without_credentials


def from_environment() -> Starlette:
    """The application, imported without the collector.

    What imports make lasts as long as the process; to go through it again and again was a third of the time to start.
    """
    gc.disable()
    from descentd.app.server.main import create

    gc.enable()
    sys.setswitchinterval(0.001)
    settings = Settings.read()
    logging.configure(settings.log_format, settings.log_level)
    return create(settings, when_ready=lambda records: _ready(settings, records))


def _ready(settings: Settings, records: int) -> None:
    """Say once to whoever started the server that it answers; what there is by now is no matter of the collector."""
    gc.freeze()  # looking through it took a tenth of a second every few hundred requests
    if settings.run_directory is not None:
        try:
            (settings.run_directory / "announced").touch(exist_ok=False)
        except FileExistsError:
            return
    count = "1 record" if records == 1 else f"{records:,} records"
    sys.stdout.write(f"Descent is ready at {settings.url}, with {count} in {without_credentials(settings.store)}\n")
    sys.stdout.flush()
