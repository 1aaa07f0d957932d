"""Render the answer for one domain as an HTML card. Pure.

The card contains the texts of every status, with all but one hidden. So ``lookup.js`` updates a
card by numbers alone, and each sentence exists once, in Python.
"""

from html import escape
from string import Template

import idna

from query.lookup.answer import Answer
from shared.model.domain import DomainName
from shared.model.status import Status

_NAMES = {
    Status.CATCH_ALL: "Catch-all",
    Status.NOT_CATCH_ALL: "Not catch-all",
    Status.UNKNOWN: "Unknown",
}
_REASONS = {
    Status.CATCH_ALL: "More than $threshold messages were delivered and none has bounced:"
    " the domain seems to accept every address.",
    Status.NOT_CATCH_ALL: "At least one message has bounced, so the domain does not accept"
    " every address. That is final.",
    Status.UNKNOWN: "Not enough data yet: nothing has bounced, and it takes more than"
    " $threshold deliveries to know.",
}
_DISTANCES = {
    Status.CATCH_ALL: "$delivered deliveries, $needed were needed",
    Status.NOT_CATCH_ALL: "One bounce is enough, whatever the number of deliveries.",
    Status.UNKNOWN: "$delivered of $needed deliveries",
}
_SIGNS = {status: f'<use href="#sign-{status.replace(" ", "-")}"/>' for status in Status}
_CARD = Template(
    """<article class="card" data-domain="$domain" data-status="$status" data-needed="$plain_needed"
 data-total="$total">
<header><h3><bdi>$shown</bdi></h3>$spellings</header>
<div class="verdict">$signs<p>$names</p></div>
<p class="reason">$reasons</p>
<svg class="meter" aria-hidden="true" width="100%" height="8">
<rect class="track" width="100%" height="8" rx="4"/>
<rect class="fill" width="$share%" height="8" rx="4"/></svg>
<p class="distance">$distances</p>
<dl class="counts"><div><dt>Delivered</dt><dd>$delivered</dd></div>
<div><dt>Bounced</dt><dd>$bounced</dd></div></dl>
</article>"""
)
_PROBLEM = Template(
    '<div class="card problem" data-code="$code"><h3>$title</h3><p>$detail</p></div>'
)


def render_card(answer: Answer, typed: str) -> str:
    """Return the card of *answer*; *typed* is the name as the visitor typed it."""
    needed = answer.threshold + 1
    words = {
        "threshold": f"{answer.threshold:,}",
        "needed": f"{needed:,}",
        "delivered": f'<span data-field="delivered">{answer.delivered:,}</span>',
        "bounced": f'<span data-field="bounced">{answer.bounced:,}</span>',
    }
    return _CARD.substitute(
        words,
        domain=escape(answer.domain),
        status=answer.status,
        plain_needed=needed,
        total=answer.delivered + answer.bounced,
        shown=escape(unicode_of(answer.domain)),
        spellings=_spellings(answer.domain, typed),
        signs=_each(answer.status, "svg", _SIGNS, 'class="sign" aria-hidden="true"'),
        names=_each(answer.status, "strong", _NAMES),
        reasons=_each(answer.status, "span", _with(_REASONS, words)),
        distances=_each(answer.status, "span", _with(_DISTANCES, words)),
        share=f"{100 * min(1.0, answer.delivered / needed):.1f}",
    )


def render_problem(code: str, title: str, detail: str) -> str:
    """Return the card that is shown instead of an answer."""
    return _PROBLEM.substitute(code=escape(code), title=escape(title), detail=escape(detail))


def unicode_of(domain: DomainName) -> str:
    """Return the Unicode form of *domain*."""
    try:
        return idna.decode(domain)
    except idna.IDNAError:
        return domain


def _spellings(domain: DomainName, typed: str) -> str:
    lines = []
    if unicode_of(domain) != domain:
        lines.append(f"In the DNS <code>{escape(domain)}</code>")
    if typed not in {domain, unicode_of(domain)}:
        lines.append(f"You typed <bdi><code>{escape(typed)}</code></bdi>")
    return "".join(f'<p class="spelling">{line}</p>' for line in lines)


def _with(sentences: dict[Status, str], words: dict[str, str]) -> dict[Status, str]:
    return {status: Template(text).substitute(words) for status, text in sentences.items()}


def _each(shown: Status, tag: str, contents: dict[Status, str], attributes: str = "") -> str:
    """Return an element for each status, all but one of them hidden."""
    return "".join(
        f'<{tag} {attributes} data-for="{status}"{"" if status is shown else " hidden"}>'
        f"{content}</{tag}>"
        for status, content in contents.items()
    )
