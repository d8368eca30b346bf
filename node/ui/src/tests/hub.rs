//! Who has not synced: what the page tells of each site, in which order, and what it does not know.

use std::sync::Arc;

use axum::http::StatusCode;
use tokio::sync::watch;

use super::fixture::{
    DAY, FixtureNode, FixtureParcels, NOW_MS, Sample, TOKEN, by_way, never_met, site, sites,
};
use super::{Browser, browser, signed_in};
use crate::{
    AddressSource, FirstSync, Nag, NodeInfo, NodeSummary, PeerSummary, SiteAddress, SiteReason, SiteStanding,
    SiteSummary, UiState,
};

/// The node of the other tests with sites of our own.
struct Told {
    inner: FixtureNode,
    sites: Vec<SiteSummary>,
    nags: Vec<Nag>,
}

impl NodeInfo for Told {
    fn summary(&self) -> NodeSummary {
        self.inner.summary()
    }

    fn peers(&self) -> Vec<PeerSummary> {
        Vec::new()
    }

    fn sites(&self) -> Vec<SiteSummary> {
        self.sites.clone()
    }

    fn first_sync(&self) -> Option<FirstSync> {
        None
    }

    fn nags(&self) -> Vec<Nag> {
        self.nags.clone()
    }

    fn now_ms(&self) -> u64 {
        self.inner.now_ms()
    }

    fn random(&self, bytes: &mut [u8]) {
        self.inner.random(bytes);
    }

    fn form_key(&self) -> [u8; 32] {
        self.inner.form_key()
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.inner.changes()
    }
}

async fn hub_in(lang: &str, sites: Vec<SiteSummary>) -> String {
    hub_with(lang, sites, Vec::new()).await
}

async fn hub_with(lang: &str, sites: Vec<SiteSummary>, nags: Vec<Nag>) -> String {
    let sample = Sample::new();
    let inner = FixtureNode::new(false, sample.changes.clone());
    let node = Arc::new(Told { inner, sites, nags });
    let state = UiState::new(
        sample.clinic.clone(),
        node,
        Arc::new(FixtureParcels::default()),
        false,
    );
    let mut browser = Browser::new(crate::router(state));
    browser.sign_in(TOKEN).await;
    browser.get(&format!("/language/{lang}?next=/")).await;
    let answer = browser.get("/hub").await;
    assert_eq!(answer.status, StatusCode::OK);
    answer.text
}

async fn hub(sites: Vec<SiteSummary>) -> String {
    hub_in("en", sites).await
}

/// The row of a site.
fn row<'a>(page: &'a str, name: &str) -> &'a str {
    let rows = page.split("<tr role=\"row\">");
    let mark = format!("<span><bdi>{name}</bdi>");
    let row = rows.into_iter().find(|row| row.contains(&mark)).expect("a row");
    row.split("</tr>").next().unwrap()
}

/// What a cell of a row says, without markup.
fn cell(row: &str, label: &str) -> String {
    let mark = format!("data-label=\"{label}\">");
    let cell = row
        .split(&mark)
        .nth(1)
        .unwrap_or_else(|| panic!("no {label}: {row}"));
    let cell = cell.split("</td>").next().unwrap();
    let mut text = String::new();
    let mut is_markup = false;
    for c in cell.chars() {
        match c {
            '<' => is_markup = true,
            '>' => (is_markup, text) = (false, text + " "),
            c if !is_markup => text.push(c),
            _ => {}
        }
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn who_has_not_synced_for_a_week_stands_first_and_it_is_said_why() {
    let page = hub(sites()).await;
    let order = [
        "San Juan",
        "Villa Unión del Altiplano Sur",
        "Mobile team",
        "Puno",
        "Regional hub",
        "Posta Ollachea",
        "Old tablet",
    ];
    let at: Vec<usize> = order
        .iter()
        .map(|name| page.find(&format!("<bdi>{name}</bdi>")).expect("shown"))
        .collect();
    assert!(at.is_sorted(), "{at:?}");
    let (first, second) = page.split_once("id=\"sites-others\"").unwrap();
    assert!(first.contains("Not synced for 7 days") && second.contains("The others"));
    assert!(first.contains("San Juan") && first.contains("Villa Unión") && second.contains("Mobile team"));
    let never = row(&page, "San Juan");
    assert!(
        never.contains("</svg>Never met<") && never.contains("this site has never met it"),
        "{never}"
    );
    let gone = row(&page, "Villa Unión del Altiplano Sur");
    assert!(
        gone.contains("</svg>Away<") && gone.contains("It is not heard."),
        "{gone}"
    );
    assert!(cell(gone, "Last heard").starts_with("9 days ago"), "{gone}");
    assert!(cell(gone, "Last in sync").starts_with("12 days ago"), "{gone}");
    assert_eq!(cell(gone, "Not there yet"), "1204 changes at most");
    let waits = cell(gone, "Waits for a person");
    for text in [
        "3 conflicts there",
        "2 changes refused there",
        "One change waits there",
        "as it said 9 days ago",
    ] {
        assert!(waits.contains(text), "{waits}");
    }
    assert_eq!(
        cell(gone, "Clock"),
        "3 hours behind when last compared 9 days ago"
    );
    assert_eq!(
        cell(gone, "Disk free"),
        "310 MB Full: it takes no more records as it said 9 days ago"
    );
    assert_eq!(cell(gone, "Version"), "0.1.0 as it said 9 days ago");
    assert_eq!(
        cell(gone, "Data"),
        "48,213 records there as it said 9 days ago Sent: 1.2 MB Received: 48 kB"
    );
    // A team is away all day, and that is no trouble; what waits here is.
    let team = row(&page, "Mobile team");
    assert!(!team.contains("It is not heard"), "{team}");
    assert!(cell(team, "Waits for a person").contains("2 changes from it refused here"));
    let silent = row(&page, "Puno");
    assert!(
        silent.contains("</svg>Not answering<") && !silent.contains("In sync<"),
        "{silent}"
    );
    let hub = row(&page, "Regional hub");
    assert!(hub.contains("</svg>In sync<"), "{hub}");
    assert_eq!(cell(hub, "Last in sync"), "Now");
    assert_eq!(cell(hub, "Not there yet"), "Nothing");
    // It says these again at its leisure, also while it is connected.
    for (label, told) in [
        ("Waits for a person", "Nothing as it said 4 minutes ago"),
        ("Version", "0.1.0 as it said 4 minutes ago"),
        ("Clock", "Right when last compared 4 minutes ago"),
        ("Disk free", "12 GB as it said 4 minutes ago"),
        (
            "Data",
            "48,213 records there as it said 4 minutes ago Sent: 1.2 MB Received: 48 kB",
        ),
    ] {
        assert_eq!(cell(hub, label), told);
    }
    let out = row(&page, "Old tablet");
    assert!(out.contains("</svg>Taken out of the network<"));
    assert!(!out.contains("Looked for at"), "it is looked for no more: {out}");
    assert_eq!(cell(out, "Not there yet"), "It is sent nothing any more");
}

#[tokio::test]
async fn what_is_not_known_is_told_as_not_known() {
    let page = hub(vec![never_met("San Juan")]).await;
    let never = row(&page, "San Juan");
    for label in [
        "Not there yet",
        "Waits for a person",
        "Version",
        "Clock",
        "Disk free",
    ] {
        assert_eq!(cell(never, label), "Not known", "{label}");
    }
    for label in ["Last heard", "Last in sync"] {
        assert_eq!(cell(never, label), "Never", "{label}");
    }
    // What waits here is known of a site that has told nothing; what waits there is not.
    let mut mute = site("Juli");
    (mute.told, mute.quarantined_here) = (None, 1);
    let page = hub(vec![mute]).await;
    assert_eq!(
        cell(row(&page, "Juli"), "Waits for a person"),
        "One change from it refused here Not known"
    );
}

#[tokio::test]
async fn each_reason_is_said_in_words_of_its_own() {
    let reasons = [
        SiteReason::RevokedHere,
        SiteReason::NeverMet,
        SiteReason::Clock,
        SiteReason::Halted(crate::PeerNote::GrantOver {
            since_ms: None,
            renewal: crate::Renewal::Elsewhere,
        }),
        SiteReason::Halted(crate::PeerNote::OwnGrantOver { since_ms: None }),
        SiteReason::Halted(crate::PeerNote::ClockAhead { by_ms: DAY }),
        SiteReason::Halted(crate::PeerNote::OwnClockAhead {
            by_ms: DAY,
            is_met: true,
        }),
        SiteReason::DiskFull,
        SiteReason::QuarantinedHere,
        SiteReason::Quarantined,
        SiteReason::Awaiting,
        SiteReason::NotHeard,
        SiteReason::AtWork,
    ];
    for lang in ["en", "ar"] {
        let mut told = std::collections::BTreeSet::new();
        for reason in reasons {
            let mut stale = site("Juli");
            (stale.is_stale, stale.reason, stale.standing) = (true, Some(reason), SiteStanding::Away);
            stale.is_in_sync = false;
            let page = hub_in(lang, vec![stale]).await;
            let why = row(&page, "Juli").split("<p class=\"why\">").nth(1).expect("why");
            let why = why.split("</svg>").nth(1).unwrap().split("</p>").next().unwrap();
            assert!(
                why.ends_with(['.', '?', '؟']) && !why.contains("site-reason"),
                "{why}"
            );
            told.insert(why.to_owned());
        }
        assert_eq!(told.len(), reasons.len());
    }
}

#[tokio::test]
async fn a_network_in_which_all_have_synced_says_so_and_one_alone_says_that() {
    let page = hub(vec![site("Juli"), site("Hub")]).await;
    assert!(page.contains("Every site has synced within 7 days.") && !page.contains("sites-stale"));
    let page = hub(Vec::new()).await;
    assert!(page.contains("This node has not met another one yet."));
    assert!(!page.contains("Every site has synced"), "nobody has");
    let page = hub(vec![never_met("Juli")]).await;
    assert!(!page.contains("Every site has synced") && !page.contains("The others"));
    // One taken out of the network has not synced for all; one that joined today is not late, and has not either.
    let out = sites().pop().unwrap();
    assert_eq!(out.standing, SiteStanding::Revoked);
    assert!(!hub(vec![out.clone()]).await.contains("Every site has synced"));
    assert!(
        hub(vec![site("Juli"), out])
            .await
            .contains("Every site has synced")
    );
    let mut new = never_met("Juli");
    (new.is_stale, new.joined_ms) = (false, Some(NOW_MS - 13_000));
    let page = hub(vec![site("Hub"), new.clone()]).await;
    assert!(
        !page.contains("Every site has synced") && !page.contains("Not synced for"),
        "13 s"
    );
    assert!(page.contains("Never synced yet"));
    assert!(row(&page, "Juli").contains("Joined: <time"));
    // By way of the hub it is well.
    new.by_way = Some("Hub".into());
    let page = hub(vec![site("Hub"), new.clone()]).await;
    assert!(
        page.contains("Every site that this one meets itself has synced within 7 days.")
            && !page.contains("Never synced yet")
    );
    let told = page.replace(['\u{2068}', '\u{2069}'], "");
    assert!(
        told.contains("their records come by way of Hub.") && !told.contains("has never met it"),
        "{told}"
    );
    let arabic = hub_in("ar", vec![site("Hub"), new]).await;
    assert!(arabic.contains("عن طريق"));
}

#[tokio::test]
async fn what_is_wrong_with_this_site_itself_stands_above_the_others() {
    let off = |is_ahead| Nag::ClockOff {
        by_ms: 430 * DAY,
        is_ahead,
        of: "Hub".into(),
        is_only: false,
    };
    let cases: [(Nag, &str); 8] = [
        (off(true), "430 days ahead of those of most sites"),
        (off(false), "430 days behind those of most sites"),
        (
            Nag::Silent { silent_ms: 8 * DAY },
            "This site has exchanged nothing for 8 days",
        ),
        (
            Nag::Revoked { by: "Hub".into() },
            "This node was taken out of its network",
        ),
        (Nag::Grant { left_ms: None }, "This site receives nothing new"),
        (
            Nag::Grant { left_ms: Some(DAY) },
            "permission to receive ends soon",
        ),
        (Nag::ClockBehind { behind_ms: DAY }, "clock is wrong, or was"),
        (
            Nag::ClockAhead {
                ahead_ms: DAY,
                of: "Hub".into(),
            },
            "clock may be wrong",
        ),
    ];
    for (nag, text) in cases {
        let page = hub_with("en", vec![site("Hub")], vec![nag.clone(), Nag::Unsealed]).await;
        assert!(page.contains(text), "{nag:?}");
        // That a grant ends before long stands against nothing yet: `hub status` says that all is well.
        let is_well = page.contains("Every site has synced");
        assert_eq!(is_well, !nag.is_against_exchange(), "{nag:?}");
        assert!(
            !page.contains("The data is not sealed"),
            "that is for the first page"
        );
    }
}

#[tokio::test]
async fn grants_near_their_end_and_what_halts_two_in_sync_stand_in_the_row() {
    let mut told = site("Juli");
    told.notes = vec![crate::PeerNote::GrantSoon {
        left_ms: 12 * DAY,
        is_renewed_here: true,
    }];
    told.reason = Some(SiteReason::Halted(crate::PeerNote::ClockAhead {
        by_ms: 500 * DAY,
    }));
    let page = hub(vec![told]).await;
    let row = row(&page, "Juli");
    assert!(
        row.contains("</svg>In sync<") && row.contains("it has to sync with this site"),
        "{row}"
    );
    assert!(row.contains("500 days"), "{row}");
}

#[tokio::test]
async fn arabic_readers_have_it_in_their_words_and_direction() {
    let page = hub_in("ar", sites()).await;
    assert!(page.contains("dir=\"rtl\"") && page.contains("لم تتزامن منذ 7 أيام"));
    let gone = row(&page, "Villa Unión del Altiplano Sur");
    assert_eq!(cell(gone, "لم يصل إليه بعد"), "1204 تغييرات على الأكثر");
    assert!(cell(gone, "ينتظر قرارًا").contains("3 تعارضات عنده"));
    assert_eq!(cell(row(&page, "San Juan"), "لم يصل إليه بعد"), "غير معروف");
    for english in [
        "Not known",
        "Last heard",
        "in sync",
        "hub-",
        "site-reason",
        "size-",
    ] {
        let shown = page.split("<main").nth(1).unwrap().replace("#i-hub", "");
        assert!(!shown.contains(english), "{english}");
    }
}

#[tokio::test]
async fn times_are_those_of_the_clinic_and_the_page_refreshes_as_the_first_one_does() {
    let mut old = site("Juli");
    old.is_in_sync = false;
    (old.last_heard_ms, old.standing, old.reason) = (
        Some(NOW_MS - 3 * DAY),
        SiteStanding::Away,
        Some(SiteReason::NotHeard),
    );
    let page = hub(vec![old]).await;
    let iso = crate::show::Clock {
        now_ms: NOW_MS,
        zone: jiff::tz::TimeZone::fixed(jiff::tz::offset(-5)),
        t: crate::i18n::Lang::En.texts(),
    };
    let told = iso.at(&(NOW_MS - 3 * DAY));
    assert!(cell(row(&page, "Juli"), "Last heard").ends_with(&told), "{told}");
    assert!(page.contains("id=\"live-sites\" data-live"));
}

#[tokio::test]
async fn it_is_found_from_the_first_page_and_only_by_whom_is_signed_in() {
    let mut browser = browser();
    let answer = browser.get("/hub").await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "to the log-in");
    let mut browser = signed_in().await;
    assert!(browser.get("/").await.text.contains("href=\"/hub\""));
    assert_eq!(browser.get("/hub").await.status, StatusCode::OK);
}

#[tokio::test]
async fn each_address_of_a_site_is_told_with_from_where_it_is_known() {
    let cases = [
        (AddressSource::Told, "it said so itself"),
        (AddressSource::Through("Puno".into()), "Puno handed that on"),
        (AddressSource::Joined, "this site joined there"),
        (AddressSource::Configured, "configured here"),
        (AddressSource::Asked, "asked for here"),
        (AddressSource::Mdns, "heard on the local network"),
        (AddressSource::Met, "it called from there"),
        (AddressSource::Reached, "reached there before"),
    ];
    let mut told = site("Cuzco");
    told.addresses = cases
        .iter()
        .zip(1..)
        .map(|((from, _), port)| SiteAddress {
            address: format!("192.0.2.7:{port}"),
            from: from.clone(),
        })
        .collect();
    let page = hub(vec![told.clone(), site("Lima")]).await;
    for ((_, text), port) in cases.iter().zip(1..) {
        let line = format!("<bdi dir=\"ltr\">192.0.2.7:{port}</bdi>: {text}<");
        assert!(row(&page, "Cuzco").contains(&line), "{line}");
    }
    assert!(row(&page, "Lima").contains("Looked for at: Not known"));
    let page = hub_in("ar", vec![told]).await;
    assert!(page.contains("192.0.2.7:8") && !page.contains("address-"));
}

#[tokio::test]
async fn where_this_clock_may_be_the_wrong_one_no_row_blames_the_other() {
    let mut hub = site("Hub");
    hub.clock_skew_ms = Some(-430 * 86_400_000);
    let off = Nag::ClockOff {
        by_ms: 430 * DAY,
        is_ahead: true,
        of: "Hub".into(),
        is_only: true,
    };
    let page = hub_with("en", vec![hub.clone()], vec![off.clone()]).await;
    assert!(page.contains("one of the two is wrong") && !page.contains("Every site has synced"));
    let told = row(&page, "Hub");
    assert!(
        told.contains("430 days behind this machine") && !told.contains("tone-warn"),
        "{told}"
    );
    let page = hub_with("en", vec![hub.clone()], Vec::new()).await;
    assert!(row(&page, "Hub").contains("tone-warn"));
    let page = hub_with("ar", vec![hub], vec![off]).await;
    assert!(page.contains("إحدى الساعتين خاطئة") && row(&page, "Hub").contains("متأخرة عن ساعة هذا الجهاز"));
}

#[tokio::test]
async fn sites_that_are_not_met_stand_after_the_lost_hub_in_a_line_each() {
    let mut hub = sites().remove(1);
    hub.name = "Regional hub".into();
    let mut over = by_way("Juli", "00112233");
    over.reason = Some(SiteReason::Halted(crate::PeerNote::OwnGrantOver {
        since_ms: None,
    }));
    let listed = vec![hub, site("Puno"), by_way("Posta", "0a1b2c3d"), over];
    let page = hub_in("en", listed.clone())
        .await
        .replace(['\u{2068}', '\u{2069}'], "");
    let places = ["sites-stale", "sites-others", "sites-by-way"].map(|id| page.find(id).expect(id));
    assert!(places.is_sorted(), "{places:?}");
    let brief = page.split_once("id=\"sites-by-way\"").unwrap().1;
    assert!(
        brief.contains("by way of Regional hub, and that one has not synced for long"),
        "{brief}"
    );
    let lines = brief.matches("<li class=\"site\">").count();
    assert_eq!((lines, brief.matches("Not known").count()), (2, 0), "{brief}");
    assert!(brief.contains("0a1b2c3d") && brief.contains("This site has no permission to receive"));
    assert!(!brief.contains("has never met it"));
    let page = hub_in("ar", listed).await;
    assert!(page.contains("وهذا لم يتزامن منذ مدة طويلة"));
}

#[tokio::test]
async fn sites_of_one_name_are_told_apart_and_a_name_stays_beside_its_picture() {
    let mut twins = [site("Posta"), site("Posta")];
    for (twin, mark) in twins.iter_mut().zip(["0a1b2c3d", "f0e1d2c3"]) {
        twin.mark = Some(mark.into());
    }
    let page = hub(twins.to_vec()).await;
    for mark in ["0a1b2c3d", "f0e1d2c3"] {
        assert!(page.contains(&format!("<code class=\"keypart\" dir=\"ltr\">{mark}</code>")));
    }
    // A name in another direction is within a box of this one: alone it would stand at the far side.
    assert!(page.contains("</svg><span><bdi>Posta</bdi>"), "{page}");
    assert!(!hub(vec![site("Posta")]).await.contains("class=\"keypart\""));
}

#[tokio::test]
async fn the_most_urgent_word_about_this_site_stands_first() {
    let nags = vec![
        Nag::ClockBehind { behind_ms: DAY },
        Nag::Revoked { by: "Hub".into() },
    ];
    let page = hub_with("en", vec![site("Hub")], nags).await;
    let places = ["notice-danger", "notice-warn"].map(|tone| page.find(tone).expect(tone));
    assert!(places.is_sorted(), "{places:?}");
}

#[tokio::test]
async fn a_site_of_which_a_file_told_is_said_to_be_heard_by_it() {
    let mut brought = site("Puno");
    (brought.standing, brought.is_in_sync) = (SiteStanding::Away, false);
    brought.is_heard_by_file = true;
    let page = hub(vec![brought, site("Juli")]).await;
    assert!(cell(row(&page, "Puno"), "Last heard").ends_with("(by file)"));
    assert!(!cell(row(&page, "Juli"), "Last heard").contains("file"));
}

#[tokio::test]
async fn what_moves_by_itself_is_marked_so_that_an_open_page_tells_it_without_a_word() {
    let page = hub(sites()).await;
    for time in page.split("<time").skip(1) {
        assert!(time.starts_with(" data-moves "), "{time:.80}");
    }
    assert!(page.contains("<span data-moves>Sent:") && page.contains("<span data-moves>12 GB</span>"));
}
