"""The secrets of mail providers, from environment variables (``INGEST_WEBHOOK_*``).

A provider's webhook is off unless its secret is configured. ``cryptography`` is imported only for a
provider that signs with a private key.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Field, PrivateAttr, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from ingest.adapters.mailgun import Mailgun
from ingest.adapters.postmark import Postmark
from ingest.adapters.sparkpost import SparkPost
from ingest.adapters.webhook import Adapter
from shared.security.config import read_secret

_PREFIX = "INGEST_WEBHOOK_"
_SECRETS = (
    "mailgun_signing_key",
    "postmark_credentials",
    "sparkpost_credentials",
    "sparkpost_token",
)
_A_DAY = 86_400
Secret = Annotated[SecretStr, Field(min_length=1)] | None


class WebhookSettings(BaseSettings):
    """The proofs of origin. A secret may also come from the file that ``..._FILE`` names."""

    model_config = SettingsConfigDict(env_prefix=_PREFIX, frozen=True, hide_input_in_errors=True)

    fresh_seconds: Annotated[float, Field(gt=0, le=_A_DAY)] = 3600.0
    """Refuse what was signed earlier. At most as long as the workers remember idempotency keys:
    a request that is repeated within that time counts once, and later it is refused."""
    mailgun_signing_key: Secret = None
    """The HTTP webhook signing key of the account, or of the main account of subaccounts."""
    mailgun_signing_key_file: Path | None = None
    ses_topics: str | None = None
    """The ARNs of the topics of SNS, separated by commas."""
    ses_confirm: bool = False
    """Confirm subscriptions to these topics, by one request to Amazon for each."""
    ses_certificate_file: Path | None = None
    """PEM: SNS's certificate, for nodes that cannot reach Amazon. Otherwise it is read there."""
    sendgrid_public_key: str | None = None
    """The verification key of the signed event webhook: PEM, or the base64 that SendGrid shows."""
    postmark_credentials: Secret = None
    """``user:password``, as in ``https://user:password@.../webhooks/postmark``."""
    postmark_credentials_file: Path | None = None
    sparkpost_credentials: Secret = None
    """``user:password`` of a webhook with basic authentication."""
    sparkpost_credentials_file: Path | None = None
    sparkpost_token: Secret = None
    """The token of a webhook with OAuth 2.0."""
    sparkpost_token_file: Path | None = None
    postal_public_key: str | None = None
    """The key with which the installation signs: PEM, or the ``p=`` of its DKIM record."""

    _adapters: dict[str, Adapter] = PrivateAttr(default_factory=dict)

    @property
    def adapters(self) -> dict[str, Adapter]:
        """The adapters of the providers that are configured, by name."""
        return self._adapters

    @model_validator(mode="before")
    @classmethod
    def _read_secrets(cls, settings: Any) -> Any:
        for name in _SECRETS:
            settings = read_secret(settings, _PREFIX, name)
        return settings

    @model_validator(mode="after")
    def _build(self) -> Self:
        problems = []
        builders: dict[str, Callable[[], Adapter | None]] = {
            "MAILGUN_SIGNING_KEY": self._mailgun,
            "SES_TOPICS": self._ses,
            "SENDGRID_PUBLIC_KEY": self._sendgrid,
            "POSTMARK_CREDENTIALS": self._postmark,
            "SPARKPOST_CREDENTIALS": self._sparkpost,
            "POSTAL_PUBLIC_KEY": self._postal,
        }
        for variable, build in builders.items():
            try:
                adapter = build()
            except (ValueError, OSError) as error:
                problems.append(f"{_PREFIX}{variable}: {error}")
            else:
                if adapter is not None:
                    self._adapters[variable.partition("_")[0].lower()] = adapter
        if problems:
            raise ValueError("\n".join(problems))
        return self

    def _mailgun(self) -> Adapter | None:
        key = self.mailgun_signing_key
        return None if key is None else Mailgun(key.get_secret_value(), self.fresh_seconds)

    def _ses(self) -> Adapter | None:
        if self.ses_topics is None:
            return None
        from ingest.adapters.ses import Ses, is_topic_arn

        topics = [topic.strip() for topic in self.ses_topics.split(",")]
        for topic in topics:
            if not is_topic_arn(topic):
                raise ValueError(f"{topic!r} is not the ARN of a topic of SNS")
        file = self.ses_certificate_file
        pinned = None if file is None else file.read_bytes()
        return Ses(topics, self.fresh_seconds, confirm=self.ses_confirm, pinned=pinned)

    def _sendgrid(self) -> Adapter | None:
        if self.sendgrid_public_key is None:
            return None
        from ingest.adapters.sendgrid import SendGrid
        from ingest.adapters.signatures import load_public_key

        return SendGrid(load_public_key(self.sendgrid_public_key), self.fresh_seconds)

    def _postal(self) -> Adapter | None:
        if self.postal_public_key is None:
            return None
        from ingest.adapters.postal import Postal
        from ingest.adapters.signatures import load_public_key

        return Postal(load_public_key(self.postal_public_key), self.fresh_seconds)

    def _postmark(self) -> Adapter | None:
        credentials = _credentials(self.postmark_credentials)
        return None if credentials is None else Postmark(credentials)

    def _sparkpost(self) -> Adapter | None:
        credentials, token = _credentials(self.sparkpost_credentials), self.sparkpost_token
        if credentials is None and token is None:
            return None
        return SparkPost(credentials, None if token is None else token.get_secret_value())


def _credentials(secret: SecretStr | None) -> str | None:
    if secret is None:
        return None
    user, colon, password = secret.get_secret_value().partition(":")
    if not (user and colon and password):
        raise ValueError("it must be user:password")
    return secret.get_secret_value()
