"""Describe the query tier's API."""

from query.config import ChangesSettings, ExportSettings, QuerySettings
from query.openapi.changes import get_changes
from query.openapi.export import export_schemas, get_domains, get_summary
from query.openapi.lookup import get_domain, lookup_schemas, post_domains
from query.openapi.page import PAGES, require_key_to_look_up
from query.openapi.pulse import GET_PULSE, get_rates, pulse_schemas
from shared.model.scope import Scope
from shared.openapi.access import require_key
from shared.openapi.document import Documents, build_documents
from shared.openapi.responses import Json

_DESCRIPTION = """
Look up whether a mail domain accepts mail for every address. A domain is *not catch-all* once one
message to it bounced, whatever was delivered, and stays so. It is *catch-all* if more messages than
the threshold were delivered and none bounced. Else it is *unknown*, as is a domain that was never
seen.
"""


def build(
    settings: QuerySettings, changes: ChangesSettings, exports: ExportSettings, *, keys: bool
) -> Documents:
    """Return the documents of a node with these settings; *keys*: it requires API keys."""
    paths: Json = {
        "/domains/{domain}": {"get": get_domain(settings.threshold)},
        "/domains": {
            "get": get_domains(exports, settings.threshold),
            "post": post_domains(settings.threshold),
        },
        "/summary": {"get": get_summary(exports)},
        "/changes": {"get": get_changes(changes, settings.threshold)},
        "/rates": {"get": get_rates(settings)},
    }
    pages = PAGES
    pulse: Json = {"get": GET_PULSE}
    if keys:
        paths = {path: require_key(path, item, Scope.QUERY) for path, item in paths.items()}
        pulse = require_key("/pulse", pulse, Scope.OPERATE)
        pages = {**PAGES, "/": require_key_to_look_up(PAGES["/"])}
    return build_documents(
        "catchall: look up domains",
        _DESCRIPTION,
        {**paths, "/pulse": pulse, **pages},
        {**lookup_schemas(settings.threshold), **export_schemas(), **pulse_schemas()},
        host=settings.http_host,
        ports=(settings.http_port, settings.management_port),
        dependency="cassandra",
        keys=keys,
    )
