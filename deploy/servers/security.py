"""Secure local servers as in production: TLS, users with passwords, rights."""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

CASSANDRA_ADMIN = "cassandra"
"""The first role of a new Cassandra, and its password."""


@dataclass(frozen=True, slots=True)
class Security:
    """Certificates and users of secured servers.

    ``server`` is PEM: a private key (PKCS 8), its certificate, and the rest of the chain.
    ``users`` are Kafka's users with their passwords; the first one is a super user.
    """

    authorities: str
    server: str = field(repr=False)
    users: Mapping[str, str] = field(repr=False)

    @property
    def admin(self) -> str:
        """The super user of Kafka."""
        return next(iter(self.users))

    def context(self) -> ssl.SSLContext:
        """Return a client's TLS context that trusts ``authorities``."""
        return ssl.create_default_context(cadata=self.authorities)

    def kafka_client_arguments(self) -> Mapping[str, Any]:
        """Return the arguments for an aiokafka client that connects as the super user."""
        return {
            "security_protocol": "SASL_SSL",
            "ssl_context": self.context(),
            "sasl_mechanism": "SCRAM-SHA-512",
            "sasl_plain_username": self.admin,
            "sasl_plain_password": self.users[self.admin],
        }

    def kafka_settings(self, file: str) -> Mapping[str, str]:
        """Return the additional settings of a broker; *file* holds ``server``."""
        login = "org.apache.kafka.common.security.scram.ScramLoginModule"
        return {
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": file,
            # Brokers are clients of each other, and trust the certificate that they present.
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": file,
            "sasl.enabled.mechanisms": "SCRAM-SHA-512",
            "sasl.mechanism.inter.broker.protocol": "SCRAM-SHA-512",
            "listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config": (
                f'{login} required username="{self.admin}" password="{self.users[self.admin]}";'
            ),
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            # Controllers talk to each other without a user name, on a separate port.
            "super.users": f"User:{self.admin};User:ANONYMOUS",
        }

    def kafka_format(self) -> tuple[str, ...]:
        """Return the arguments that create the users when a broker's storage is formatted."""
        return tuple(
            part
            for user, password in self.users.items()
            for part in ("--add-scram", f"SCRAM-SHA-512=[name={user},password={password}]")
        )

    def cassandra_settings(self, file: str) -> Mapping[str, Any]:
        """Return the additional settings of a Cassandra node; *file* holds ``server``."""
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
