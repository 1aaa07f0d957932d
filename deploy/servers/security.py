"""Close local servers as those of production are: TLS, names and passwords, rights."""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

CASSANDRA_ADMIN = "cassandra"
"""The role, and its password, with which a new Cassandra begins."""


@dataclass(frozen=True, slots=True)
class Security:
    """What closed servers are given.

    ``server`` is PEM: a private key in PKCS 8, its certificate, and the chain below that.
    ``users`` are Kafka's, with their passwords; the first may do everything.
    """

    authorities: str
    server: str = field(repr=False)
    users: Mapping[str, str] = field(repr=False)

    @property
    def admin(self) -> str:
        """The user of Kafka whom no right is ever missing."""
        return next(iter(self.users))

    def context(self) -> ssl.SSLContext:
        """Return what a client of ours believes."""
        return ssl.create_default_context(cadata=self.authorities)

    def kafka_client_arguments(self) -> Mapping[str, Any]:
        """Return what an aiokafka client is told to be let in as the first user."""
        return {
            "security_protocol": "SASL_SSL",
            "ssl_context": self.context(),
            "sasl_mechanism": "SCRAM-SHA-512",
            "sasl_plain_username": self.admin,
            "sasl_plain_password": self.users[self.admin],
        }

    def kafka_settings(self, file: str) -> Mapping[str, str]:
        """Return what a broker is told beside the rest; *file* holds ``server``."""
        login = "org.apache.kafka.common.security.scram.ScramLoginModule"
        return {
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": file,
            # The broker is its own client, and trusts what it shows.
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": file,
            "sasl.enabled.mechanisms": "SCRAM-SHA-512",
            "sasl.mechanism.inter.broker.protocol": "SCRAM-SHA-512",
            "listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config": (
                f'{login} required username="{self.admin}" password="{self.users[self.admin]}";'
            ),
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            # Nameless are the controllers among themselves, on a port of their own.
            "super.users": f"User:{self.admin};User:ANONYMOUS",
        }

    def kafka_format(self) -> tuple[str, ...]:
        """Return what a broker's storage is formatted with: its first users."""
        return tuple(
            part
            for user, password in self.users.items()
            for part in ("--add-scram", f"SCRAM-SHA-512=[name={user},password={password}]")
        )

    def cassandra_settings(self, file: str) -> Mapping[str, Any]:
        """Return what a node is told beside the rest; *file* holds ``server``."""
        return {
            "authenticator": "PasswordAuthenticator",
            "authorizer": "CassandraAuthorizer",
            "role_manager": "CassandraRoleManager",
            "client_encryption_options": {
                "enabled": True,
                "optional": False,
                "ssl_context_factory": {
                    "class_name": "org.apache.cassandra.security.PEMBasedSslContextFactory"
                },
                "keystore": file,
            },
        }
