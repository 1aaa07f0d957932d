"""Every problem that an answer of the service can report: code, status, title and sentence. Pure.

This table is the one place of these facts. Code names a problem as ``Problem.NAME``; the API
documents of both tiers are rendered from the same rows.
"""

from enum import Enum, unique
from http import HTTPStatus


@unique
class Problem(Enum):
    """A reason for which a request, or one part of a bulk request, is refused.

    ``code`` and ``status`` are stable, clients depend on them. ``detail`` is one sentence for
    people, a template for ``explain``. ``note`` is what the API documents add to it.
    """

    # Any request
    MALFORMED_REQUEST = 400, "This is not well-formed HTTP/1.1."
    TARGET_TOO_LONG = 414, "The target of a request may have at most {max_target_bytes} bytes."
    HEAD_TOO_LARGE = (
        431,
        "The head of a request may have at most {max_head_bytes} bytes and {max_fields} fields.",
    )
    REPEATED_FIELD = 400, "The field {name} may be sent once."
    UNKNOWN_PARAMETER = 400, "There is no query parameter {name} here."
    UNKNOWN_PATH = 404, "There is nothing at this path."
    METHOD_NOT_ALLOWED = 405, "This path answers to {methods}."
    INTERNAL_ERROR = 500, "This node has a defect; it was logged."
    TOO_MANY_CONNECTIONS = 503, "This node has reached its limit of connections."

    # API keys
    UNAUTHORIZED = 401, "Send a valid API key: Authorization: Bearer <id>.<secret>."
    SCOPE_MISSING = 403, "The API key does not have the scope {scope}."
    QUOTA_EXCEEDED = 429, "The API key has used up its quota on this node.", "Nothing was done."

    # Webhooks of mail providers
    UNPROVEN_ORIGIN = 401, "The request does not prove that it comes from this provider."
    STALE_WEBHOOK = 401, "The request was signed more than {fresh_seconds:g} seconds ago."
    CERTIFICATE_UNAVAILABLE = 503, "Amazon's certificate cannot be read now.", "Nothing was stored."
    SUBSCRIPTION_UNCONFIRMED = 503, "Amazon does not confirm the subscription now."

    # Bodies
    MALFORMED_BODY = 400, "The body is malformed: {reason}."
    BODY_TOO_SLOW = 408, "The body did not arrive within {seconds:g} seconds."
    BODY_TOO_LARGE = 413, "The body may have at most {max_bytes} bytes, as sent and inflated."
    UNSUPPORTED_MEDIA_TYPE = 415, "Send {media_type}."
    UNSUPPORTED_ENCODING = 415, "Send the body plain or as gzip."

    # Mail domains, in the order in which they are checked: the whole, each label, the last label
    DOMAIN_TOO_LONG = 400, "The domain is longer than {max_name_octets} octets."
    EMPTY_DOMAIN = 400, "The domain is empty."
    IP_ADDRESS = 400, "{name} is an IP address, not a domain."
    FORBIDDEN_CHARACTER = (
        400,
        "{character} is not allowed: labels hold letters, digits and hyphens.",
    )
    EMPTY_LABEL = 400, "A label is empty: there is a dot too many."
    LABEL_TOO_LONG = 400, "The label {label} is longer than {max_label_octets} octets."
    HYPHEN_AT_EDGE = 400, "The label {label} starts or ends with a hyphen."
    BAD_IDNA_LABEL = (
        400,
        "The label {label} breaks the rules of internationalised names (IDNA 2008, Punycode).",
    )
    SINGLE_LABEL = 400, "{name} has no dot: a mail domain has at least two labels."
    NUMERIC_LAST_LABEL = 400, "The last label, {label}, has no letter."

    # Events
    UNKNOWN_EVENT = 400, "The event must be 'delivered' or 'bounced'."
    INVALID_COUNT = 400, "The count must be 1 to {max_count}."
    INVALID_KEY = (
        400,
        "An idempotency key is 1 to {max_key_length} visible ASCII characters, sent once.",
    )
    MALFORMED_JSON = 400, "The {part} must be a JSON {form}."
    INVALID_LINE = 400, "A field is missing, unknown, or of the wrong type."
    DUPLICATE_FIELD = 400, "A field is given twice."
    NO_EVENTS = 400, "The request has no valid event.", "Nothing was stored."
    TOO_MANY_LINES = 413, "A request may have at most {max_lines} lines."

    # Exports and totals
    INVALID_PARAMETER = 400, "The parameter {name} must be {form}."
    TOO_MANY_EXPORTS = 503, "This node has reached its limit of exports at the same time."
    EXPORTS_STOPPING = 503, "This node is stopping. Export from another node."
    NOT_COUNTED_YET = 503, "This node still counts the domains for the first time."

    NO_INGEST_NODE = 503, "No ingest node answers now, which has the description of its API."

    # Lookups and the feed of changes
    NO_DOMAINS = 400, "Name 1 to {max_domains} domains."
    TOO_MANY_DOMAINS = 413, "Name at most {max_domains} domains."
    INVALID_LAST_EVENT_ID = 400, "Last-Event-ID is not the id of an event of this feed."

    # What can go wrong behind the node; an error that has a better sentence replaces this one
    NODE_FULL = (
        503,
        "This node has reached its limit of work in flight.",
        "Nothing was done. Send the request again a little later.",
    )
    BROKER_UNAVAILABLE = 503, "Kafka cannot store the event now.", "The event was not stored."
    STORE_UNAVAILABLE = 503, "Cassandra cannot answer now."
    OUTCOME_UNKNOWN = (
        503,
        "Kafka did not answer in time; it may have the event.",
        "Send the event again only if it has a key, or if one event too many does no harm.",
    )

    def __init__(self, status: int, detail: str, note: str = "") -> None:
        self.code = self.name.lower()
        self.status = status
        self.detail = detail
        self.note = note

    @property
    def title(self) -> str:
        """The name of the status (RFC 9457, 4.2.1)."""
        return HTTPStatus(self.status).phrase

    def explain(self, **values: object) -> str:
        """Return the sentence with *values* in its places."""
        return self.detail.format_map(values)
