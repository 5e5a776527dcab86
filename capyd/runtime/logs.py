"""Structured logs on standard error: JSON lines for a journal, readable lines for a terminal."""

import logging
import sys
from typing import Literal

import structlog

LogFormat = Literal["json", "console"]


def configure_logs(*, level: str, log_format: LogFormat) -> None:
    """Send every log line of this process, the libraries' too, to standard error in one form."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if log_format == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.ExtraAdder()],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    # One line a statement or a scheduler tick is the libraries' idea of INFO, not ours.
    for chatty in ("apscheduler", "aiosqlite", "asyncio", "grpc"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    # A collector that is away is said once a batch, and costs nothing else.
    logging.getLogger("opentelemetry").setLevel(logging.ERROR)
    logging.getLogger("urllib3").setLevel(logging.ERROR)
    # It warns at every try to connect to a server that is away: whoever needs the server says so, once.
    logging.getLogger("psycopg.pool").setLevel(logging.ERROR)


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    """A logger; `logger.info("project.created", project_id=...)`: an event's name, then its values."""
    logger: structlog.stdlib.BoundLogger = structlog.get_logger(name)
    return logger
