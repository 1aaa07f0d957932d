"""Which subscriptions of Amazon SNS are confirmed, and whose certificates prove a request."""

import pytest

from ingest.adapters.ses import Ses
from ingest.adapters.webhook import CertificateNeededError
from shared.errors import InputError
from shared.problems import Problem
from tests.clients.webhooks import providers
from tests.clients.webhooks.providers import Sent
from tests.unit.ingest.adapters.readings import HOUR, NOW, first, read, refusal_of

SUBSCRIBE = "https://sns.us-east-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn=t&Token=k"


def _confirmation(url: str = SUBSCRIBE) -> Sent:
    return providers.send_ses(
        "You have chosen to subscribe",
        NOW,
        Type="SubscriptionConfirmation",
        Token="k",  # noqa: S106 SNS calls it so
        SubscribeURL=url,
    )


@pytest.mark.parametrize("allowed", [True, False])
def test_a_subscription_is_confirmed_if_that_is_allowed(*, allowed: bool) -> None:
    """It is the only request to another host."""
    ses = Ses([providers.TOPIC], HOUR, confirm=allowed, pinned=providers.certificate_pem())
    assert read(ses, _confirmation()).confirm_url == (SUBSCRIBE if allowed else None)


@pytest.mark.parametrize(
    "url",
    [
        "http://sns.us-east-1.amazonaws.com/?Action=ConfirmSubscription&Token=k",
        "https://sns.us-east-1.amazonaws.com.example.com/?Action=ConfirmSubscription&Token=k",
        "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&Token=k",
        "https://sns.us-east-1.amazonaws.com/?Action=DeleteTopic&Token=k",
        "https://sns.us-east-1.amazonaws.com@example.com/?Action=ConfirmSubscription&Token=k",
    ],
)
def test_only_an_address_of_sns_is_confirmed(url: str) -> None:
    """Even if the request is signed."""
    ses = Ses([providers.TOPIC], HOUR, confirm=True, pinned=providers.certificate_pem())
    assert refusal_of(ses, _confirmation(url)) is Problem.UNPROVEN_ORIGIN


@pytest.mark.parametrize(
    "url",
    [
        "http://sns.us-east-1.amazonaws.com/SimpleNotificationService-0a.pem",
        "https://sns.us-east-1.amazonaws.com.example.com/SimpleNotificationService-0a.pem",
        "https://example.com/SimpleNotificationService-0a.pem",
        "https://bucket.s3.amazonaws.com/SimpleNotificationService-0a.pem",
        "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0a.pem",
        "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-0a.pem?x",
        "https://sns.us-east-1.amazonaws.com/other/SimpleNotificationService-0a.pem",
        "https://sns.us-east-1.amazonaws.com@example.com/SimpleNotificationService-0a.pem",
    ],
)
def test_a_certificate_elsewhere_is_not_even_read(url: str) -> None:
    """Only certificates of SNS in the region of the topic."""
    sent = providers.send_ses(first("ses"), NOW, SigningCertURL=url)
    assert refusal_of(Ses([providers.TOPIC], HOUR), sent) is Problem.UNPROVEN_ORIGIN


def needed_by(ses: Ses, sent: Sent) -> CertificateNeededError:
    """Return what *ses* needs to read *sent*."""
    with pytest.raises(CertificateNeededError) as needed:
        read(ses, sent)
    return needed.value


def test_a_certificate_is_asked_for_until_it_has_proven_a_request() -> None:
    """Anything but a certificate is refused."""
    ses, sent = Ses([providers.TOPIC], HOUR), providers.send_ses(first("ses"), NOW)
    needed = needed_by(ses, sent)
    assert needed.url == providers.CERTIFICATE_URL
    with pytest.raises(InputError):
        needed.read_with(b"no certificate")
    assert needed_by(ses, sent).read_with(providers.certificate_pem()).items
    assert read(ses, sent).items


def test_a_forger_cannot_replace_the_certificate_in_use() -> None:
    """Although any number of certificates can be read from SNS."""
    ses, sent = Ses([providers.TOPIC], HOUR), providers.send_ses(first("ses"), NOW)
    needed_by(ses, sent).read_with(providers.certificate_pem())
    body, headers = sent
    for number in range(100):
        url = providers.CERTIFICATE_URL.replace(".pem", f"{number}.pem")
        forged = body.replace(providers.CERTIFICATE_URL.encode(), url.encode())
        forged = forged.replace(b'"MessageId": "', b'"MessageId": "another')
        with pytest.raises(InputError):
            needed_by(ses, (forged, headers)).read_with(providers.certificate_pem())
    assert read(ses, sent).items


def test_an_expired_certificate_proves_nothing() -> None:
    """Nor one that is not valid yet."""
    for now in (0.0, 4e9):
        ses = Ses([providers.TOPIC], HOUR, pinned=providers.certificate_pem())
        assert (
            refusal_of(ses, providers.send_ses(first("ses"), now), now) is Problem.UNPROVEN_ORIGIN
        )
