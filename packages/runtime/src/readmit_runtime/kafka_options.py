"""Translate the project's Kafka settings into the client library's arguments."""

import ssl
from typing import Any

from readmit_runtime.settings import KafkaSettings


def client_options(settings: KafkaSettings) -> dict[str, Any]:
    """Return the arguments that consumers, producers and admin clients share.

    Reads the CA file, so a missing one shows at start: raises FileNotFoundError or ssl.SSLError.
    """
    options: dict[str, Any] = {
        "bootstrap_servers": settings.bootstrap_servers,
        "security_protocol": settings.security_protocol,
    }
    if settings.security_protocol in ("SSL", "SASL_SSL"):
        options["ssl_context"] = ssl.create_default_context(cafile=settings.ca_file)
    if settings.security_protocol.startswith("SASL_"):
        options["sasl_mechanism"] = settings.sasl_mechanism
        options["sasl_plain_username"] = settings.sasl_username
        if settings.sasl_password is not None:
            options["sasl_plain_password"] = settings.sasl_password.get_secret_value()
    return options
