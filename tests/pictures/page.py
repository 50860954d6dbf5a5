"""Payloads as pages of HTML, in the layout of the vendor that would show them.

Everything in a payload is shown, or the page is refused: what is drawn here is what is sent. All text is escaped.
"""

import json
import re
from html import escape, unescape

COLOURS = {
    "critical": "#c4001a",
    "error": "#d9541e",
    "warning": "#e0a100",
    "info": "#3b7dd8",
}

STYLE = """
* { box-sizing: border-box; margin: 0; }
body { font: 15px/1.45 "Liberation Sans", Arial, sans-serif; color: #1d1c1d; background: #fff; padding: 14px; }
p, .lines { white-space: pre-wrap; overflow-wrap: anywhere; }
pre { font: 12.5px/1.5 "Liberation Mono", monospace; white-space: pre-wrap; overflow-wrap: anywhere; }
.name { font-weight: bold; }
.dim { color: #616061; font-size: 12px; font-weight: normal; }
.button { display: inline-block; border: 1px solid #bbb; border-radius: 4px; padding: 4px 12px; margin-right: 8px;
  font-weight: bold; font-size: 13px; }

.slack { display: flex; gap: 8px; }
.slack > div:last-child { flex: 1; min-width: 0; }
.slack .face { width: 36px; height: 36px; border-radius: 5px; background: #4a154b; color: #fff; font: bold 20px/36px
  "Liberation Sans"; text-align: center; }
.slack .app { background: #e8e8e8; font-size: 10px; padding: 1px 3px; border-radius: 2px; }
.slack .block { margin: 8px 0; }
.slack h1 { font-size: 18px; line-height: 1.3; overflow-wrap: anywhere; }
.slack .fields { display: grid; grid-template-columns: 1fr 1fr; gap: 8px; }
.slack pre { background: #f8f8f8; border: 1px solid #ddd; border-radius: 4px; padding: 8px; margin-top: 4px; }

.card { border: 1px solid #ddd; border-radius: 5px; padding: 12px 14px; font-size: 14px; line-height: 1.4; }
.card p + p { margin-top: 0; }
.card .Medium { margin-top: 8px; }
.card .big { font-size: 17px; }
.card .mono { font: 12.5px/1.5 "Liberation Mono", monospace; }
.card .Bolder { font-weight: bold; }
.card .actions { margin-top: 14px; }

.incident h1 { font-size: 19px; line-height: 1.3; margin: 6px 0 10px; overflow-wrap: anywhere; }
.incident .chip { color: #fff; border-radius: 3px; padding: 1px 7px; font-size: 12px; font-weight: bold; }
.incident table { border-collapse: collapse; width: 100%; font-size: 13.5px; }
.incident td { border-top: 1px solid #e3e3e3; padding: 5px 8px 5px 0; vertical-align: top; }
.incident td:first-child { color: #616061; width: 108px; }
.incident a { color: #0b6bcb; overflow-wrap: anywhere; }

.mail h1 { font-size: 18px; line-height: 1.3; font-weight: normal; margin-bottom: 8px; }
.mail .from { border-bottom: 1px solid #ddd; padding-bottom: 8px; margin-bottom: 10px; }

.phone { background: #24303c; border-radius: 18px; padding: 18px 12px; color: #fff; }
.phone .clock { text-align: center; font-size: 34px; margin-bottom: 14px; }
.phone .note { background: #f1f2f4; color: #111; border-radius: 14px; padding: 9px 12px; margin-bottom: 8px; font-size: 14px;
  line-height: 1.35; }
.phone .note div:first-child { font-size: 11.5px; color: #555; }
.phone .note p { display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 4; overflow: hidden; }
"""


class Unknown(Exception):
    """Something in a payload that no page shows."""


def page(body: str) -> str:
    return f'<!doctype html><html><head><meta charset="utf-8"><style>{STYLE}</style></head><body>{body}</body></html>'


def take(value: dict, *names: str, also: tuple[str, ...] = ()) -> list:
    """These members, of which each may be absent. Beside those that are not to be seen there must be no other."""
    others = set(value) - set(names) - set(also)
    if others:
        raise Unknown(f"nothing shows {sorted(others)} of {json.dumps(value)[:200]}")
    return [value.get(name) for name in names]


# ---- Slack ----


def slack(payload: str) -> str:
    blocks, *_ = take(
        json.loads(payload),
        "blocks",
        also=("text", "mrkdwn", "unfurl_links", "unfurl_media"),
    )
    shown = "".join(
        f'<div class="block">{slack_block(block)}</div>' for block in blocks
    )
    return (
        '<div class="slack"><div class="face">T</div><div><span class="name">Tidewaiter</span> '
        f'<span class="app">APP</span> <span class="dim">06:10</span>{shown}</div></div>'
    )


def slack_block(block: dict) -> str:
    match block["type"]:
        case "header":
            _, text = take(block, "type", "text")
            return f"<h1>{slack_text(text)}</h1>"
        case "section":
            _, text, fields = take(block, "type", "text", "fields")
            shown = f"<div>{slack_text(text)}</div>" if text else ""
            cells = "".join(
                f'<div class="lines">{slack_text(field)}</div>'
                for field in fields or []
            )
            return shown + (f'<div class="fields">{cells}</div>' if cells else "")
        case "actions":
            _, elements = take(block, "type", "elements")
            return "".join(slack_button(button) for button in elements)
        case "context":
            _, elements = take(block, "type", "elements")
            texts = "".join(
                f'<span class="lines">{slack_text(text)}</span>' for text in elements
            )
            return f'<div class="dim">{texts}</div>'
        case "divider":
            return "<hr>"
        case kind:
            raise Unknown(f"nothing shows a block `{kind}`")


def slack_button(button: dict) -> str:
    kind, text, _ = take(button, "type", "text", "url", also=("style",))
    if kind != "button":
        raise Unknown(f"nothing shows an element `{kind}`")
    return f'<span class="button">{slack_text(text)}</span>'


def slack_text(text: dict) -> str:
    kind, content, *_ = take(text, "type", "text", also=("emoji", "verbatim"))
    if kind == "plain_text":
        return f"<p>{literally(content)}</p>" if "\n" in content else literally(content)
    # The two marks that are used: a bold title, and a block of code.
    shown = []
    for index, part in enumerate(content.split("```")):
        if index % 2:
            shown.append(f"<pre>{literally(part)}</pre>")
        else:
            shown.append(
                re.sub(r"\*([^*\n]+)\*", r"<b>\1</b>", literally(part.strip("\n")))
            )
    return "".join(shown)


def literally(text: str) -> str:
    """Slack's three escapes stand for characters, and so do those of HTML."""
    return escape(unescape(text) if "&" in text else text)


# ---- Teams ----


def teams(payload: str) -> str:
    _, attachments = take(json.loads(payload), "type", "attachments", also=("summary",))
    (card,) = (attachment["content"] for attachment in attachments)
    also = ("$schema", "type", "version", "fallbackText", "msteams")
    body, actions = take(card, "body", "actions", also=also)
    shown = "".join(teams_block(block) for block in body)
    buttons = "".join(
        f'<span class="button">{escape(action["title"])}</span>'
        for action in actions or []
    )
    return (
        '<p><span class="name">Workflows</span> <span class="dim">06:10</span></p>'
        f'<div class="card">{shown}<div class="actions">{buttons}</div></div>'
    )


def teams_block(block: dict) -> str:
    kind, spacing, inlines, *_ = take(
        block, "type", "spacing", "inlines", also=("separator",)
    )
    if kind != "RichTextBlock":
        raise Unknown(f"nothing shows an element `{kind}`")
    return f'<p class="{escape(spacing or "Default")}">{"".join(map(teams_run, inlines))}</p>'


def teams_run(run: dict) -> str:
    _, text, weight, size, font = take(
        run, "type", "text", "weight", "size", "fontType", also=("isSubtle", "color")
    )
    names = [
        weight or "",
        "big" if size == "Medium" else "",
        "mono" if font == "Monospace" else "",
    ]
    return f'<span class="{escape(" ".join(names))}">{escape(text)}</span>'


# ---- PagerDuty ----


def pagerduty(payload: str) -> str:
    also = ("routing_key", "client_url")
    action, key, links, told, client = take(
        json.loads(payload),
        "event_action",
        "dedup_key",
        "links",
        "payload",
        "client",
        also=also,
    )
    if action != "trigger":
        raise Unknown(f"an incident does not begin with `{action}`")
    summary, severity, details, *rest = take(
        told,
        "summary",
        "severity",
        "custom_details",
        "source",
        "component",
        "group",
        "class",
        "timestamp",
    )
    names = ["Source", "Component", "Group", "Class", "Time"]
    named = [*zip(names, rest, strict=True), ("Key", key), ("Client", client)]
    rows = [(name, escape(value)) for name, value in named if value]
    rows += [(name, f"<p>{escape(value)}</p>") for name, value in details.items()]
    table = "".join(
        f"<tr><td>{escape(name)}</td><td class='lines'>{value}</td></tr>"
        for name, value in rows
    )
    shown = "".join(
        f"<p><a>{escape(link['text'])}: {escape(link['href'])}</a></p>"
        for link in links or []
    )
    return (
        f'<div class="incident"><span class="chip" style="background: #d12f19">TRIGGERED</span> '
        f'<span class="chip" style="background: {COLOURS[severity]}">{escape(severity.upper())}</span>'
        f"<h1>{escape(summary)}</h1>{shown}<br><table>{table}</table></div>"
    )


# ---- SNS ----


def email(payload: str) -> str:
    subject, text = payload.removeprefix("Subject: ").split("\n\n", 1)
    return (
        f'<div class="mail"><h1>{escape(subject)}</h1><p class="from"><span class="name">AWS Notifications</span> '
        f'<span class="dim">no-reply@sns.amazonaws.com</span></p><p>{escape(text)}</p></div>'
    )


def phone(payloads: dict[str, str]) -> str:
    """The first lines of a channel's messages, as far as a locked phone shows them."""
    slack, pagerduty = json.loads(payloads["slack"]), json.loads(payloads["pagerduty"])
    subject = payloads["email"].split("\n", 1)[0].removeprefix("Subject: ")
    notes = [
        ("PagerDuty", pagerduty["payload"]["summary"]),
        ("Slack, #security", f"Tidewaiter: {unescape(slack['text'])}"),
        ("Mail, AWS Notifications", subject),
        ("Messages, AWS", payloads["sms"].strip()),
    ]
    shown = "".join(
        f'<div class="note"><div>{escape(who)}</div><p>{escape(text)}</p></div>'
        for who, text in notes
    )
    return f'<div class="phone"><div class="clock">03:10</div>{shown}</div>'
