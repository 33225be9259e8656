"""How one login reaches one part of a stack; the field names are those of the services' settings."""

from dataclasses import dataclass, field

from readmit_cli.stack.ports import LOOPBACK


@dataclass(frozen=True)
class DatabaseConnection:
    """A Postgres login on one database."""

    port: int
    database: str
    user: str
    password: str = field(repr=False)
    host: str = LOOPBACK

    def url(self, scheme: str = "postgresql") -> str:
        """Answer a URL with the password in it; `scheme` names SQLAlchemy's driver where one is needed."""
        return f"{scheme}://{self.user}:{self.password}@{self.host}:{self.port}/{self.database}"


@dataclass(frozen=True)
class AirflowConnection:
    """A user of Airflow's REST interface and web page."""

    url: str
    user: str
    password: str = field(repr=False)


@dataclass(frozen=True)
class ObjectStoreConnection:
    """An S3 key on one bucket of the local server."""

    endpoint: str
    access_key: str
    secret_key: str = field(repr=False)
    bucket: str
    region: str = "us-east-1"
    secure: bool = False
