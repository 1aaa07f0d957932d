"""Draw a run on one page without scripts and other files."""

from html import escape
from pathlib import Path

from tests.tools.chaos.check.evidence import Evidence
from tests.tools.chaos.check.verdict import Standing, Verdict
from tests.tools.chaos.report.summary import Summary, figures
from tests.tools.chaos.report.timeline_svg import draw

_STYLE = """
:root { color-scheme: light dark; --page: #fbfbfa; --card: #fff; --ink: #1c2024; --soft: #68707a;
  --grid: #e6e8eb; --ok: #18794e; --bad: #cd2b31; --unseen: #946800; --accepted: #46a758;
  --refused: #f5a524; --unanswered: #e5484d; --lag: #8e4ec6; --latency: #0090ff; --kill: #e5484d;
  --freeze: #0090ff; --restart: #e38b12; --move: #30a46c; --cut: #8e4ec6; --other: #0d9b8a;
  --unable: #f5a52426; }
@media (prefers-color-scheme: dark) { :root { --page: #111315; --card: #181b1f; --ink: #edeef0;
  --soft: #9ba1a6; --grid: #2a2e33; --ok: #3dd68c; --bad: #ff9592; --unseen: #ffca16;
  --unable: #f5a52430; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 28px; max-width: 1320px; background: var(--page);
  color: var(--ink); font: 14px/1.45 system-ui, sans-serif; }
h1 { margin: 0; font-size: 26px; letter-spacing: -.01em; }
h1.ok { color: var(--ok); } h1.bad { color: var(--bad); }
p { margin: 4px 0 18px; color: var(--soft); }
.card { background: var(--card); border: 1px solid var(--grid); border-radius: 10px;
  padding: 16px; margin-bottom: 16px; }
.promises { display: grid; grid-template-columns: repeat(auto-fill, minmax(290px, 1fr));
  gap: 10px; margin-bottom: 16px; }
.promise { background: var(--card); border: 1px solid var(--grid); border-left: 4px solid;
  border-radius: 8px; padding: 8px 12px; }
.promise.held { border-left-color: var(--ok); } .promise.broken { border-left-color: var(--bad); }
.promise.not { border-left-color: var(--unseen); }
.promise small { display: block; color: var(--soft); }
dl { display: grid; grid-template-columns: repeat(auto-fill, minmax(250px, 1fr)); gap: 12px 24px;
  margin: 0; }
dt { color: var(--soft); font-size: 12px; } dd { margin: 0; overflow-wrap: anywhere; }
ol { margin: 0; padding-left: 22px; font: 13px/1.5 ui-monospace, monospace; }
table { border-collapse: collapse; margin-top: 12px; font: 13px ui-monospace, monospace; }
th, td { padding: 3px 16px 3px 0; text-align: left; } th { color: var(--soft); }
svg { display: block; width: 100%; height: auto; font: 11px system-ui, sans-serif; }
text { fill: var(--ink); } text.head { font-size: 13px; font-weight: 600; }
text.row { text-anchor: end; fill: var(--soft); } text.beside { fill: var(--soft); }
text.inside { fill: #fff; } text.clock { text-anchor: middle; fill: var(--soft); }
text.mark { text-anchor: end; fill: var(--ok); font-weight: 600; }
rect.unable { fill: var(--unable); } text.unable { fill: var(--unseen); }
.grid, .tick { stroke: var(--grid); } .tick { stroke-dasharray: 2 4; }
.mark { stroke-width: 1.5; } line.mark { stroke: var(--ok); stroke-dasharray: 5 3; }
.wrong { fill: var(--bad); }
.accepted { fill: var(--accepted); } .refused { fill: var(--refused); }
.unanswered { fill: var(--unanswered); } .fill { opacity: .85; }
.line { fill: none; stroke-width: 1.6; stroke-linejoin: round; } .line.lag { stroke: var(--lag); }
.under.lag { fill: var(--lag); opacity: .16; } rect.latency { fill: var(--latency); opacity: .75; }
.bar.kill { fill: var(--kill); } .bar.freeze { fill: var(--freeze); }
.bar.restart { fill: var(--restart); } .bar.move { fill: var(--move); }
.bar.cut { fill: var(--cut); } .bar.other { fill: var(--other); }
"""
_SHOWN_FINDINGS = 50


def write_html(path: Path, evidence: Evidence, verdict: Verdict, summary: Summary) -> None:
    """Write the page to *path*."""
    path.write_text(page(evidence, verdict, summary), encoding="utf-8")


def page(evidence: Evidence, verdict: Verdict, summary: Summary) -> str:
    """Return the page: the verdict, the picture, the figures, and the findings."""
    title = f"Chaos, seed {summary.seed}"
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{title}: {escape(verdict.sentence)}</title><style>{_STYLE}</style></head><body>
<h1 class="{"ok" if verdict.ok else "bad"}">{escape(_capital(verdict.sentence))}</h1>
<p>{title} &middot; {summary.seconds:.0f} s &middot; {escape(summary.began)} &middot;
{sum(summary.faults.values()):,} faults &middot; {summary.events:,} events of
{summary.domains:,} domains</p>
<div class="promises">{_promises(verdict)}</div>
{_findings(verdict)}
<div class="card">{draw(evidence, verdict)}</div>
<div class="card"><dl>{_figures(summary)}</dl></div>
</body></html>
"""


def _promises(verdict: Verdict) -> str:
    return "".join(
        f'<div class="promise {each.standing.split()[0]}"><b>{each.guarantee}</b> '
        f"{escape(each.guarantee.sentence)}: <b>{each.standing}</b>"
        f"<small>{escape(each.evidence)}</small></div>"
        for each in verdict.judgements
    )


def _figures(summary: Summary) -> str:
    return "".join(
        f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>"
        for name, value in figures(summary)
    )


def _findings(verdict: Verdict) -> str:
    """Return the findings and the rows of the first wrong domain; empty without findings."""
    if all(each.standing is not Standing.BROKEN for each in verdict.judgements):
        return ""
    shown = verdict.findings[:_SHOWN_FINDINGS]
    items = "".join(f"<li>{escape(str(finding))}</li>" for finding in shown)
    more = sum(each.broken for each in verdict.judgements) - len(shown)
    rest = f"<p>and {more:,} more</p>" if more else ""
    return f'<div class="card"><ol>{items}</ol>{rest}{_rows(verdict)}</div>'


def _rows(verdict: Verdict) -> str:
    wrong = verdict.first_wrong
    if wrong is None or not wrong.rows:
        return ""
    names = ("log", "writer", "delivered", "bounced", "applied_offset")
    head = "".join(f"<th>{name}</th>" for name in (escape(wrong.finding.domain), *names))
    body = "".join(
        "<tr><td></td>" + "".join(f"<td>{escape(str(getattr(row, n)))}</td>" for n in names)
        for row in wrong.rows
    )
    return f"<table><tr>{head}</tr>{body}</table>"


def _capital(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]
