//! Who has not synced: `hub status`.

use chaski_node::admin::{AdminRequest, AdminResponse, HaltReport};
use chaski_node::admin::{HubReport, SiteReport};
use chaski_node::zone;

use super::ask::{ask_plain, unexpected};
use super::network::{addresses, not_running, skew};
use crate::args::{Hub, HubArgs};
use crate::output::{Failure, json, line, note, size, table};

/// A site has not synced for so long, none ever has, or this node is revoked: scripts and people are to look after it.
const EXIT_STALE: u8 = 3;

/// Told where nothing is known.
const UNKNOWN: &str = "?";

pub async fn hub(args: HubArgs) -> Result<u8, Failure> {
    let Hub::Status { stale_days } = args.action;
    let request = AdminRequest::HubStatus { stale_days };
    let AdminResponse::Hub(report) = ask_plain(&args.place, request).await? else {
        return Err(unexpected());
    };
    if args.json {
        json(&report)?;
    } else {
        hub_text(&report)?;
    }
    let is_alone = report.sites.is_empty();
    Ok(if report.well || is_alone { 0 } else { EXIT_STALE })
}

fn hub_text(report: &HubReport) -> Result<(), Failure> {
    if report.sites.is_empty() {
        return line("No other node is known. `chaski invite` makes a ticket for one.");
    }
    let heads = [
        "NAME",
        "SITE",
        "ROLE",
        "STATE",
        "LAST HEARD",
        "LAST IN SYNC",
        "BACKLOG",
        "AS OF",
        "WAITING",
        "RECORDS",
        "VERSION",
        "CLOCK",
        "DISK FREE",
        "SENT",
        "RECEIVED",
        "ADDRESSES",
        "WHY",
    ];
    let rows: Vec<Vec<String>> = report.sites.iter().map(row).collect();
    table(&heads, &rows)?;
    notes(report).iter().for_each(note);
    Ok(())
}

/// What is to be told beside the table.
fn notes(report: &HubReport) -> Vec<String> {
    let members = report
        .sites
        .iter()
        .filter(|site| site.standing != "revoked")
        .count();
    let mut notes: Vec<String> = report
        .warnings
        .iter()
        .map(|warning| format!("! {warning}"))
        .collect();
    if report.stale > 0 {
        notes.push(format!(
            "! {} of {members} sites have not synced for {} days: they stand first",
            report.stale, report.stale_days
        ));
    }
    if report.never_synced > 0 {
        notes.push(format!(
            "{} of {members} sites joined and never synced yet",
            report.never_synced
        ));
    }
    if members == 0 {
        notes.push(
            "! all other sites were taken out of the network: none is left that syncs with this node"
                .to_owned(),
        );
    }
    if !report.running {
        notes.push(not_running());
    }
    notes
}

/// A site's name, with the beginning of its key where another has the same.
fn shown_name(site: &SiteReport) -> String {
    match &site.mark {
        Some(mark) => format!("{} ({mark})", site.name),
        None => site.name.clone(),
    }
}

fn row(site: &SiteReport) -> Vec<String> {
    vec![
        shown_name(site),
        site.site.clone(),
        site.role.clone(),
        state(site),
        last_heard(site),
        match site.in_sync {
            true => "now".to_owned(),
            false => ago(site.last_in_sync.as_deref(), site.last_in_sync_seconds),
        },
        site.backlog.map_or_else(
            || unknown_of(site),
            |backlog| match backlog {
                0 => "none".to_owned(),
                some => format!("≤ {some}"),
            },
        ),
        // Also while it is connected: how much it holds it tells now and then.
        match site.told_at.as_deref() {
            None => unknown(),
            told_at => ago(told_at, site.told_seconds),
        },
        waiting(site),
        site.records.map_or_else(unknown, |records| records.to_string()),
        site.version.clone().unwrap_or_else(unknown),
        site.clock_skew_ms.map_or_else(unknown, |skew_ms| {
            skew(skew_ms).unwrap_or_else(|| "right".to_owned())
        }),
        match (site.disk_free_bytes, site.disk_full) {
            (Some(free), Some(true)) => format!("{}, full", size(free)),
            (None, Some(true)) => "full".to_owned(),
            (free, _) => free.map_or_else(unknown, size),
        },
        size(site.bytes_out),
        size(site.bytes_in),
        match site.known_addresses.as_slice() {
            [] if site.standing == "revoked" => String::new(),
            [] => unknown(),
            known => addresses(known),
        },
        why(site),
    ]
}

fn unknown() -> String {
    UNKNOWN.to_owned()
}

/// Of one that was taken out of the network nothing of that kind is asked any more.
fn unknown_of(site: &SiteReport) -> String {
    match site.standing.as_str() {
        "revoked" => String::new(),
        _ => unknown(),
    }
}

fn state(site: &SiteReport) -> String {
    match (site.standing.as_str(), site.in_sync) {
        ("connected", true) => "in sync",
        ("connected", false) => "connected",
        ("silent", _) => "not answering",
        ("never_met", _) => "never met",
        (other, _) => other,
    }
    .to_owned()
}

/// When a site was last heard, and whether a file alone told of it.
fn last_heard(site: &SiteReport) -> String {
    let heard = ago(site.last_heard.as_deref(), site.last_heard_seconds);
    match site.last_heard_by_file {
        true => format!("{heard} (by file)"),
        false => heard,
    }
}

/// How long ago a noted time is, in the largest unit that fits; the time itself where it lies ahead of the clock, and
/// that it does.
fn ago(noted: Option<&str>, seconds: Option<u64>) -> String {
    match (noted, seconds) {
        (None, _) => "never".to_owned(),
        (Some(noted), None) => format!("{} (ahead of this clock)", zone::local(noted)),
        (Some(_), Some(seconds)) => match seconds {
            0..120 => format!("{seconds} s ago"),
            120..7_200 => format!("{} min ago", seconds / 60),
            7_200..172_800 => format!("{} h ago", seconds / 3_600),
            _ => format!("{} days ago", seconds / 86_400),
        },
    }
}

/// What waits for a person there, and of it here.
fn waiting(site: &SiteReport) -> String {
    let there = [
        (site.conflicts, "conflicts"),
        (site.quarantined, "quarantined"),
        (site.awaiting, "awaiting"),
    ];
    let mut parts: Vec<String> = there
        .into_iter()
        .filter_map(|(count, what)| {
            count
                .filter(|count| *count > 0)
                .map(|count| format!("{count} {what}"))
        })
        .collect();
    if site.told_at.is_none() {
        parts.push(unknown());
    }
    if site.quarantined_here > 0 {
        parts.push(format!("{} quarantined here", site.quarantined_here));
    }
    if parts.is_empty() {
        "none".to_owned()
    } else {
        parts.join(", ")
    }
}

/// Why it is not in sync, and what else is to be told of it.
fn why(site: &SiteReport) -> String {
    let mut told: Vec<String> = reason(site).into_iter().collect();
    let is_reason = |code: &str| site.by_way.is_none() && site.reason.as_deref() == Some(code);
    let hidden = site.halts.iter().filter(|halt| !is_reason(halt_code(halt)));
    told.extend(hidden.map(|halt| reason_text(halt_code(halt)).to_owned()));
    if let (true, Some(ends)) = (site.grant_ends_soon, &site.grant_ends) {
        told.push(format!("its grant ends {}", zone::local(ends)));
    }
    if let (None, Some(joined), false) = (&site.last_in_sync, &site.joined, site.standing == "revoked") {
        told.push(format!("joined {}", zone::local(joined)));
    }
    told.join("; ")
}

/// Why it is not in sync; of one that is away and not stale nothing need be said.
fn reason(site: &SiteReport) -> Option<String> {
    if let Some(by_way) = &site.by_way {
        return Some(format!(
            "this node does not meet it itself: its records come by way of {by_way}"
        ));
    }
    let is_quiet = !site.stale && matches!(site.reason.as_deref(), Some("not_heard" | "at_work"));
    let reason = site.reason.as_deref().filter(|_| !is_quiet)?;
    Some(reason_text(reason).to_owned())
}

/// A halt as `reason` names it.
fn halt_code(halt: &HaltReport) -> &'static str {
    match (halt.given_nothing.as_str(), halt.cause.as_str()) {
        ("peer", "grant") => "grant_over",
        ("peer", _) => "own_clock_ahead",
        (_, "grant") => "own_grant_over",
        _ => "clock_ahead",
    }
}

fn reason_text(reason: &str) -> &str {
    match reason {
        "revoked" => "taken out of the network",
        "revoked_here" => "it says that this node was taken out of the network",
        "never_met" => "it has joined, and this node has never met it",
        "clock" => "the times noted of it lie ahead of this node's clock",
        "grant_over" => "its grant is over: it is sent nothing until it is renewed",
        "own_grant_over" => "this node's grant is over: it is given nothing until it is renewed",
        "clock_ahead" => "by its clock, which is ahead, this node's grant is over: it gives nothing",
        "own_clock_ahead" => "by this node's clock, which is ahead, its grant is over: it is sent nothing",
        "disk_full" => "its disk is full: it takes nothing in",
        "quarantined_here" => "changes from it stand in quarantine here",
        "quarantined" => "changes stand in quarantine there",
        "awaiting" => "changes wait there for word of their author",
        "not_heard" => "it is not heard: is it running, and has it a connection?",
        "at_work" => "it is connected, and the exchange is not finished",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chaski_node::admin::KnownAddressReport;

    fn site() -> SiteReport {
        SiteReport {
            node: "ab".into(),
            name: "Puno".into(),
            site: "PU".into(),
            role: "clinic".into(),
            standing: "connected".into(),
            stale: false,
            joined: Some("2026-01-01T00:00:00Z".into()),
            by_way: None,
            says_revoked: false,
            known_addresses: vec![KnownAddressReport {
                address: "10.0.0.1:8031".into(),
                from: "told".into(),
                through: None,
            }],
            connected: true,
            in_sync: true,
            last_heard: Some("2026-03-01T10:00:00Z".into()),
            last_heard_seconds: Some(4),
            last_heard_by_file: false,
            last_in_sync: Some("2026-03-01T10:00:00Z".into()),
            last_in_sync_seconds: Some(4),
            reason: None,
            backlog: Some(0),
            bytes_out: 2_048,
            bytes_in: 12,
            clock_skew_ms: Some(-800),
            clock_compared: None,
            grant_ends: None,
            grant_over: false,
            grant_ends_soon: false,
            quarantined_here: 0,
            told_at: Some("2026-03-01T09:00:00Z".into()),
            told_seconds: Some(3_604),
            version: Some("0.1.0".into()),
            conflicts: Some(0),
            quarantined: Some(0),
            awaiting: Some(0),
            records: Some(7),
            disk_free_bytes: Some(3 << 30),
            disk_full: Some(false),
            mark: None,
            halts: Vec::new(),
        }
    }

    #[test]
    fn a_site_is_told_with_all_that_is_known_of_it() {
        let told = [
            "Puno",
            "PU",
            "clinic",
            "in sync",
            "4 s ago",
            "now",
            "none",
            // It is connected, and said this an hour ago.
            "60 min ago",
            "none",
            "7",
            "0.1.0",
            "right",
            "3.0 GiB",
            "2.0 KiB",
            "12 B",
            "10.0.0.1:8031 (told by itself)",
            "",
        ];
        assert_eq!(row(&site()), told);
        let mut troubled = site();
        (troubled.stale, troubled.in_sync, troubled.standing) = (true, false, "away".into());
        (troubled.connected, troubled.grant_ends_soon) = (false, true);
        troubled.grant_ends = Some("2026-04-01T00:00:00Z".into());
        (troubled.last_heard_seconds, troubled.last_in_sync_seconds) = (Some(9 * 86_400), Some(12 * 86_400));
        (troubled.backlog, troubled.clock_skew_ms) = (Some(41), Some(-3 * 3_600_000));
        (troubled.conflicts, troubled.quarantined, troubled.awaiting) = (Some(1), Some(2), Some(3));
        (troubled.quarantined_here, troubled.disk_full) = (4, Some(true));
        troubled.reason = Some("not_heard".into());
        let why_told = format!(
            "it is not heard: is it running, and has it a connection?; its grant ends {}",
            zone::local("2026-04-01T00:00:00Z")
        );
        let told = [
            "Puno",
            "PU",
            "clinic",
            "away",
            "9 days ago",
            "12 days ago",
            "≤ 41",
            "60 min ago",
            "1 conflicts, 2 quarantined, 3 awaiting, 4 quarantined here",
            "7",
            "0.1.0",
            "3 h behind",
            "3.0 GiB, full",
            "2.0 KiB",
            "12 B",
            "10.0.0.1:8031 (told by itself)",
            &why_told,
        ];
        assert_eq!(row(&troubled), told);
        (troubled.stale, troubled.grant_ends_soon) = (false, false);
        assert_eq!(why(&troubled), "", "a team is away all day");
    }

    #[test]
    fn what_halts_a_site_is_told_also_where_it_is_met_by_way_of_another() {
        let halt = |given_nothing: &str, cause: &str| HaltReport {
            given_nothing: given_nothing.into(),
            cause: cause.into(),
            since: None,
            clock_ahead_ms: None,
            text: String::new(),
            remedy: String::new(),
        };
        let mut far = site();
        (far.in_sync, far.by_way) = (false, Some("Hub".into()));
        (far.standing, far.reason) = ("never_met".into(), Some("never_met".into()));
        let way = "this node does not meet it itself: its records come by way of Hub";
        assert_eq!(why(&far), way);
        let rows = [
            ("peer", "grant", "its grant is over: it is sent nothing"),
            (
                "peer",
                "clock",
                "by this node's clock, which is ahead, its grant is over",
            ),
            ("this node", "grant", "this node's grant is over"),
            ("this node", "clock", "by its clock, which is ahead"),
        ];
        for (given_nothing, cause, text) in rows {
            far.halts = vec![halt(given_nothing, cause)];
            let told = why(&far);
            assert!(told.starts_with(way) && told.contains(text), "{told}");
        }
        // What is the reason already is told once.
        far.halts = vec![halt("peer", "grant")];
        (far.by_way, far.reason) = (None, Some("grant_over".into()));
        let told = why(&far);
        assert_eq!(told.matches("its grant is over").count(), 1, "{told}");
        // Of one that was never met as well.
        far.reason = Some("never_met".into());
        let told = why(&far);
        assert!(told.contains("never met it; its grant is over"), "{told}");
    }

    #[test]
    fn a_site_of_which_a_file_told_is_not_said_to_be_heard_itself() {
        let by_file = SiteReport {
            last_heard_by_file: true,
            ..site()
        };
        assert_eq!(row(&by_file)[4], "4 s ago (by file)");
        assert_eq!(row(&site())[4], "4 s ago");
    }

    #[test]
    fn two_sites_of_one_name_are_told_apart_by_their_keys() {
        let twin = SiteReport {
            mark: Some("01234567".into()),
            ..site()
        };
        assert_eq!(row(&twin)[0], "Puno (01234567)");
        assert_eq!(row(&site())[0], "Puno");
    }

    #[test]
    fn what_is_not_known_is_no_none_and_no_zero() {
        let never = SiteReport {
            standing: "never_met".into(),
            stale: true,
            in_sync: false,
            connected: false,
            last_heard: None,
            last_heard_seconds: None,
            last_in_sync: None,
            last_in_sync_seconds: None,
            reason: Some("never_met".into()),
            backlog: None,
            clock_skew_ms: None,
            told_at: None,
            told_seconds: None,
            known_addresses: Vec::new(),
            version: None,
            conflicts: None,
            quarantined: None,
            awaiting: None,
            records: None,
            disk_free_bytes: None,
            disk_full: None,
            ..site()
        };
        let told = row(&never);
        assert_eq!(
            told[3..13],
            ["never met", "never", "never", "?", "?", "?", "?", "?", "?", "?"]
        );
        assert_eq!(told[15], "?");
        assert!(told[16].contains("never met it"));
        let joined = format!("joined {}", zone::local("2026-01-01T00:00:00Z"));
        assert!(told[16].contains(&joined), "{told:?}");
        // A time ahead of the clock is told as it was noted, and not as just now.
        let ahead = format!("{} (ahead of this clock)", zone::local("2031-01-01T00:00:00Z"));
        assert_eq!(ago(Some("2031-01-01T00:00:00Z"), None), ahead);
        let spans = [
            (119, "119 s"),
            (120, "2 min"),
            (7_199, "119 min"),
            (7_200, "2 h"),
            (172_800, "2 days"),
        ];
        for (seconds, told) in spans {
            assert_eq!(ago(Some(""), Some(seconds)), format!("{told} ago"));
        }
    }
}
