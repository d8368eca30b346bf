//! What is to be told of this site itself, and which command mends it.

use crate::i18n::Texts;
use crate::node_info::{Nag, STALE_DAYS};
use crate::show::Clock;

/// A notice, in the reader's language.
pub(crate) struct NagView {
    pub(crate) tone: &'static str,
    pub(crate) icon: &'static str,
    pub(crate) title: String,
    pub(crate) text: String,
    pub(crate) command: Option<&'static str>,
}

/// What is to be told of this site, the most urgent first.
pub(crate) fn nag_views<'a>(clock: &Clock, nags: impl IntoIterator<Item = &'a Nag>) -> Vec<NagView> {
    let mut views: Vec<NagView> = nags.into_iter().map(|nag| nag_view(clock, nag)).collect();
    views.sort_by_key(|view| match view.tone {
        "danger" => 0,
        "warn" => 1,
        _ => 2,
    });
    views
}

/// A notice with the texts of its own.
fn nag_plain(
    t: &Texts,
    tone: &'static str,
    icon: &'static str,
    key: &str,
    command: Option<&'static str>,
) -> NagView {
    NagView {
        tone,
        icon,
        title: t.s(format!("nag-{key}-title")),
        text: t.s(format!("nag-{key}-text")),
        command,
    }
}

impl NagView {
    fn titled(self, title: String) -> NagView {
        NagView { title, ..self }
    }

    fn telling(self, text: String) -> NagView {
        NagView { text, ..self }
    }
}

/// What each page says of a clock that is off by more than this.
const CLOCK_STRIP_MS: u64 = 10 * 60 * 1_000;

/// What every page says of this machine's clock while it may be wrong: which date it has, and why that is doubted.
pub(crate) fn clock_strip(clock: &Clock, nag: Option<Nag>) -> Option<String> {
    let nag = nag.filter(|nag| match nag {
        Nag::ClockBehind { behind_ms: by_ms }
        | Nag::ClockAhead { ahead_ms: by_ms, .. }
        | Nag::ClockOff { by_ms, .. } => *by_ms > CLOCK_STRIP_MS,
        _ => true,
    })?;
    let now = clock.full(&clock.now_ms);
    let says = clock.t.a("clock-strip", "now", &now);
    Some(format!("{says} {}", nag_view(clock, &nag).text))
}

fn nag_view(clock: &Clock, nag: &Nag) -> NagView {
    let t: &Texts = clock.t;
    let view = |tone, icon, key, command| nag_plain(t, tone, icon, key, command);
    match nag {
        Nag::Revoked { by } => {
            view("danger", "cut", "revoked", None).telling(t.a("nag-revoked-text", "peer", by))
        }
        Nag::RootNotExported => view("warn", "key", "root", Some("chaski root export FILE")),
        Nag::KeyBesideData => view("info", "lock", "key-beside", None),
        Nag::Unsealed => view("danger", "lock", "unsealed", None),
        Nag::DiskLow { free_bytes } => {
            let megabytes = t.number(free_bytes / 1_000_000);
            view("danger", "disk", "disk", None).telling(t.a("nag-disk-text", "megabytes", &megabytes))
        }
        Nag::ClockBehind { behind_ms } => {
            let text = t.a("nag-clock-text", "span", clock.span(*behind_ms));
            view("warn", "clock", "clock", None).telling(text)
        }
        Nag::ClockAhead { ahead_ms, of } => {
            let span = clock.span(*ahead_ms);
            let text = t.aa("nag-clock-ahead-text", &[("span", &span), ("peer", of)]);
            view("danger", "clock", "clock-ahead", None).telling(text)
        }
        Nag::ClockOff {
            by_ms,
            is_ahead,
            of,
            is_only,
        } => view("warn", "clock", "clock", None)
            .titled(t.s("nag-clock-ahead-title"))
            .telling(clock_off_text(clock, *by_ms, *is_ahead, of, *is_only)),
        Nag::ClockEarly => view("danger", "clock", "clock-early", None).titled(t.s("nag-clock-title")),
        Nag::Silent { silent_ms } => {
            let title = t.a("nag-silent-title", "span", clock.span(*silent_ms));
            view("warn", "cut", "silent", None).titled(title)
        }
        Nag::Stale { sites } => {
            let span = t.n("span-days", STALE_DAYS);
            let title = t.naa("nag-stale-title", *sites, &[("span", &span)]);
            view("warn", "warn", "stale", None).titled(title)
        }
        Nag::Quarantined { records } => view("danger", "stop", "quarantined", Some("chaski doctor"))
            .titled(t.n("nag-quarantined-title", *records)),
        Nag::Grant { left_ms } => match left_ms {
            None => view("danger", "cut", "grant-over", Some("chaski sync")),
            Some(left_ms) => view("warn", "clock", "grant", Some("chaski sync")).telling(t.a(
                "nag-grant-text",
                "span",
                clock.span(*left_ms),
            )),
        },
        Nag::Awaiting { changes } => {
            view("warn", "clock", "awaiting", Some("chaski sync")).titled(t.n("nag-awaiting-title", *changes))
        }
        Nag::SoleIssuer {
            name,
            ends_ms,
            over,
            untold,
        } => {
            let command = if untold.is_empty() {
                "chaski issuer add"
            } else {
                "chaski sync"
            };
            view("info", "key", "issuer", Some(command)).telling(issuer_text(
                clock,
                name.as_deref(),
                (*ends_ms, *over),
                untold,
            ))
        }
    }
}

/// That this machine's clock is that far ahead of, or behind, those of most sites it has met, this one among them.
fn clock_off_text(clock: &Clock, by_ms: u64, is_ahead: bool, of: &str, is_only: bool) -> String {
    let key = match (is_ahead, is_only) {
        (true, false) => "nag-clock-off-ahead-text",
        (false, false) => "nag-clock-off-behind-text",
        (true, true) => "nag-clock-off-ahead-only-text",
        (false, true) => "nag-clock-off-behind-only-text",
    };
    clock.t.aa(key, &[("span", &clock.span(by_ms)), ("peer", of)])
}

/// That one site alone invites others: its name, unless it is this one, when permissions end without it, or how many
/// have, and who is to be another one.
fn issuer_text(clock: &Clock, name: Option<&str>, (ends_ms, over): (u64, u64), untold: &[String]) -> String {
    let t = clock.t;
    let date = clock.on(&ends_ms);
    let named = [("peer", name.unwrap_or_default()), ("date", date.as_str())];
    let holds = match (name, over) {
        (Some(_), 0) => t.aa("nag-issuer-text", &named),
        (None, 0) => t.aa("nag-issuer-here-text", &named),
        (Some(_), _) => t.naa("nag-issuer-over-text", over, &named),
        (None, _) => t.naa("nag-issuer-here-over-text", over, &named),
    };
    let next = match untold {
        [] => t.s("nag-issuer-add"),
        untold => t.a(
            "nag-issuer-untold",
            "sites",
            untold.join(&format!("{} ", t.s("comma"))),
        ),
    };
    format!("{holds} {next}")
}
