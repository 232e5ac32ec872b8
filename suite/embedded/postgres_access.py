"""Who may log in to an embedded PostgreSQL: the role `weir` with its password, and roles that it makes."""

from pathlib import Path

import psycopg
from psycopg import sql

from libs.runtime.durable_files import write_private
from suite.private_files import new_secret, read_secret

ROLE = "weir"
SUPERUSER = "postgres"

_RULES = """\
# Written by Weir, which replaces any other contents at the next start. Version 2: weir may create roles.
local all all scram-sha-256
host all all 127.0.0.1/32 scram-sha-256
"""


class PostgresAccess:
    """The access rules (`pg_hba.conf`) of a cluster, and the file with the password of `weir`.

    Clusters that an earlier Weir made let every local user log in as any role without a password.
    They are brought up to date like new ones: run `statements` in single-user mode, which needs no
    login, then call `complete`. An interruption in between is repaired at the next start.
    """

    def __init__(self, cluster: Path, password_file: Path) -> None:
        self._rules_file = cluster / "pg_hba.conf"
        self._password_file = password_file
        self.password = read_secret(password_file) or new_secret()

    @property
    def is_complete(self) -> bool:
        """Whether the cluster accepts the password in the file and nothing else."""
        return bool(read_secret(self._password_file)) and self._rules_file.read_text() == _RULES

    def statements(self) -> str:
        """SQL for single-user mode, one statement a line."""
        create = f"CREATE ROLE {ROLE}; EXCEPTION WHEN duplicate_object THEN NULL;"
        return (
            f"DO $$ BEGIN {create} END $$;\n"
            f"ALTER ROLE {ROLE} LOGIN CREATEDB CREATEROLE PASSWORD '{self.password}';\n"
            # A role without a password cannot log in at all under these rules.
            f"ALTER ROLE {SUPERUSER} PASSWORD NULL;\n"
        )

    def complete(self) -> None:
        """Writes the rules, then the password: `is_complete` holds only after both. Raises OSError."""
        # Not replaced: the file must go on to belong to the user whom the server runs as.
        self._rules_file.write_text(_RULES)
        write_private(self._password_file, f"{self.password}\n")


def set_password(url: str, role: str, password: str) -> None:
    """Lets a role log in with this password; the role of the URL must have made it. Raises psycopg.Error."""
    with psycopg.connect(url, autocommit=True) as connection:
        # Hashed here, as SCRAM does it, so that no log of the server can hold the password.
        hashed = connection.pgconn.encrypt_password(password.encode(), role.encode()).decode()
        connection.execute(
            sql.SQL("ALTER ROLE {} LOGIN PASSWORD {}").format(sql.Identifier(role), hashed)
        )
