//! What the first page tells of each peer and of each thing that is to be done.

use std::sync::Arc;

use jiff::tz::TimeZone;
use tokio::sync::watch;

use super::Browser;
use super::fixture::{FixtureNode, FixtureParcels, NOW_MS, Sample, TOKEN};
use crate::{FirstSync, Nag, NodeInfo, NodeSummary, PeerNote, PeerSummary, Renewal, SiteStanding, UiState};

/// The node of the other tests with peers and notices of our own.
struct Told {
    inner: FixtureNode,
    zone: Option<TimeZone>,
    peers: Vec<PeerSummary>,
    sites: Vec<crate::SiteSummary>,
    nags: Vec<Nag>,
}

impl NodeInfo for Told {
    fn summary(&self) -> NodeSummary {
        NodeSummary {
            is_zone_read: self.zone.is_some(),
            zone: self.zone.clone().unwrap_or(TimeZone::UTC),
            ..self.inner.summary()
        }
    }

    fn peers(&self) -> Vec<PeerSummary> {
        self.peers.clone()
    }

    fn sites(&self) -> Vec<crate::SiteSummary> {
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

async fn home(peers: Vec<PeerSummary>, nags: Vec<Nag>) -> String {
    home_in("en", peers, nags).await
}

async fn home_in(lang: &str, peers: Vec<PeerSummary>, nags: Vec<Nag>) -> String {
    home_at(lang, TimeZone::get("America/Lima").ok(), peers, nags).await
}

async fn home_at(lang: &str, zone: Option<TimeZone>, peers: Vec<PeerSummary>, nags: Vec<Nag>) -> String {
    let told = |inner| Told {
        inner,
        zone,
        peers,
        sites: Vec::new(),
        nags,
    };
    home_of(lang, told).await
}

async fn home_of(lang: &str, told: impl FnOnce(FixtureNode) -> Told) -> String {
    let sample = Sample::new();
    let node = Arc::new(told(FixtureNode::new(false, sample.changes.clone())));
    let state = UiState::new(
        sample.clinic.clone(),
        node,
        Arc::new(FixtureParcels::default()),
        false,
    );
    let mut browser = Browser::new(crate::router(state));
    browser.sign_in(TOKEN).await;
    if lang != "en" {
        browser.get(&format!("/language/{lang}")).await;
    }
    browser.get("/").await.text
}

/// A peer of whom there is nothing to tell.
fn peer(name: &str) -> PeerSummary {
    PeerSummary {
        name: name.into(),
        mark: None,
        site: None,
        role: "clinic".into(),
        last_seen_ms: Some(NOW_MS - 240_000),
        is_seen_by_file: false,
        standing: SiteStanding::Connected,
        in_sync: Some(true),
        in_sync_ms: Some(NOW_MS - 240_000),
        clock_skew_ms: 0,
        quarantined: 0,
        notes: Vec::new(),
    }
}

/// What a peer's own row says that the row of [`peer`] does not.
async fn told_of(changed: PeerSummary) -> String {
    let name = changed.name.clone();
    let page = home(vec![peer("Aaa"), changed, peer("Zzz")], Vec::new()).await;
    let rows: Vec<&str> = page.split("<li class=\"peer\">").skip(1).collect();
    assert_eq!(rows.len(), 3);
    let row = rows[1].split("</li>").next().unwrap();
    assert!(row.contains(&format!("<bdi>{name}</bdi>")));
    row.to_owned()
}

#[tokio::test]
async fn what_there_is_to_tell_of_a_peer_stands_in_its_row() {
    const MINUTE: i64 = 60_000;
    let plain = told_of(peer("Hub")).await;
    let of = |change: fn(&mut PeerSummary)| {
        let mut changed = peer("Hub");
        change(&mut changed);
        changed
    };
    let cases: [(PeerSummary, &str); 23] = [
        (of(|peer| peer.mark = Some("0a1b2c3d".into())), "0a1b2c3d</code>"),
        (
            of(|peer| {
                (peer.clock_skew_ms, peer.standing) = (3 * MINUTE, SiteStanding::Away);
            }),
            "When last heard, its clock was 3 minutes ahead of this one",
        ),
        (of(|peer| peer.quarantined = 1), "One record refused"),
        (of(|peer| peer.quarantined = 12), "12 records refused"),
        (
            of(|peer| peer.clock_skew_ms = 3 * MINUTE),
            "Its clock is 3 minutes ahead",
        ),
        (
            of(|peer| peer.clock_skew_ms = -3 * MINUTE),
            "Its clock is 3 minutes behind",
        ),
        (of(|peer| peer.site = Some("SJ".into())), "<bdi>SJ</bdi>"),
        (of(|peer| peer.role = "hub".into()), "Regional hub"),
        (of(|peer| peer.role = "mobile".into()), "Mobile team"),
        (of(|peer| peer.role = "relay".into()), "relay"),
        (
            of(|peer| peer.last_seen_ms = Some(NOW_MS - 7_200_000)),
            "2 hours ago",
        ),
        (of(|peer| peer.last_seen_ms = None), "Never heard from"),
        (
            of(|peer| peer.in_sync = Some(false)),
            "</svg>Connected, not in sync<",
        ),
        (of(|peer| peer.in_sync = Some(false)), "Was in sync: <time"),
        (of(|peer| peer.in_sync = None), "</svg>Connected, not in sync<"),
        (
            of(|peer| (peer.in_sync, peer.in_sync_ms) = (None, None)),
            "Never in sync",
        ),
        (of(|peer| peer.standing = SiteStanding::Away), "</svg>Away<"),
        (
            of(|peer| peer.standing = SiteStanding::Away),
            "Was in sync: <time",
        ),
        (
            of(|peer| (peer.standing, peer.in_sync_ms) = (SiteStanding::Away, None)),
            "Never in sync",
        ),
        (
            of(|peer| peer.standing = SiteStanding::Silent),
            "</svg>Not answering<",
        ),
        (
            of(|peer| peer.standing = SiteStanding::Silent),
            "Was in sync: <time",
        ),
        (
            of(|peer| peer.standing = SiteStanding::Revoked),
            "</svg>Taken out of the network<",
        ),
        (
            of(|peer| peer.standing = SiteStanding::NeverMet),
            "</svg>Never met<",
        ),
    ];
    for (changed, text) in cases {
        let row = told_of(changed.clone()).await;
        assert!(row.contains(text), "{changed:?}: {row}");
        assert!(!plain.contains(text), "{text} of any peer");
    }
    for text in ["</svg>In sync<", "4 minutes ago", "Clinic"] {
        assert!(plain.contains(text), "{text}: {plain}");
    }
    assert!(!plain.contains("refused") && !plain.contains("clock"), "{plain}");
    let near = told_of(of(|peer| peer.clock_skew_ms = 2 * MINUTE)).await;
    assert!(!near.contains("clock"), "{near}");
}

#[tokio::test]
async fn of_one_that_is_not_heard_a_clock_is_told_as_it_was() {
    let by_ms = 401 * 86_400_000;
    let cases = [
        (
            PeerNote::ClockAhead { by_ms },
            "When last heard, its clock was 401 days ahead",
        ),
        (
            PeerNote::OwnClockAhead { by_ms, is_met: true },
            "When that one was last heard, this machine&#39;s clock was 401 days ahead",
        ),
    ];
    for (note, text) in cases {
        let mut hub = peer("Hub");
        hub.notes = vec![note];
        assert!(!told_of(hub.clone()).await.contains(text));
        hub.standing = SiteStanding::Away;
        let row = told_of(hub).await;
        assert!(row.contains(text), "{row}");
    }
}

#[tokio::test]
async fn a_clock_that_stops_the_exchange_is_told_once() {
    let by_ms = 401 * 86_400_000;
    let mut hub = peer("Hub");
    hub.clock_skew_ms = -i64::try_from(by_ms).unwrap();
    hub.notes = vec![PeerNote::OwnClockAhead { by_ms, is_met: true }];
    let row = told_of(hub).await;
    assert_eq!(row.matches("401 days").count(), 1, "{row}");
}

#[tokio::test]
async fn times_are_told_by_the_zone_which_is_named_and_where_there_is_none_that_is_said() {
    for (zone, told) in [
        (
            TimeZone::get("Asia/Kathmandu").unwrap(),
            "dir=\"ltr\">Asia/Kathmandu<",
        ),
        (TimeZone::fixed(jiff::tz::offset(-5)), "dir=\"ltr\">UTC-05<"),
    ] {
        let page = home_at("en", Some(zone), Vec::new(), Vec::new()).await;
        assert!(
            page.contains(told) && !page.contains("could not be read"),
            "{told}"
        );
    }
    let page = home_at("en", None, Vec::new(), Vec::new()).await;
    assert!(page.contains("UTC: this machine&#39;s time zone could not be read"));
    let page = home_at("ar", None, Vec::new(), Vec::new()).await;
    assert!(page.contains("تعذّرت قراءة المنطقة الزمنية"));
}

#[tokio::test]
async fn why_nothing_flows_to_or_from_a_peer_stands_in_its_row_in_both_languages() {
    const DAY_MS: u64 = 86_400_000;
    let since_ms = Some(NOW_MS - 40 * DAY_MS);
    let by_ms = 500 * DAY_MS;
    let cases: [(PeerNote, &str); 11] = [
        (
            PeerNote::GrantSoon {
                left_ms: 12 * DAY_MS,
                is_renewed_here: false,
            },
            "receive ends in 12 days: before that it has to sync with a site that invites",
        ),
        (
            PeerNote::GrantSoon {
                left_ms: 12 * DAY_MS,
                is_renewed_here: true,
            },
            "receive ends in 12 days: before that it has to sync with this site",
        ),
        (
            PeerNote::GrantOver {
                since_ms,
                renewal: Renewal::Here,
            },
            "until it has synced with this site, which renews it",
        ),
        (
            PeerNote::GrantOver {
                since_ms,
                renewal: Renewal::Elsewhere,
            },
            "Its permission ended: ",
        ),
        (
            PeerNote::GrantOver {
                since_ms,
                renewal: Renewal::Itself,
            },
            "renews it by itself then",
        ),
        (
            PeerNote::GrantOver {
                since_ms: None,
                renewal: Renewal::Itself,
            },
            "It has no permission",
        ),
        (
            PeerNote::OwnGrantOver { since_ms },
            "This site&#39;s permission ended: ",
        ),
        (
            PeerNote::OwnGrantOver { since_ms: None },
            "This site has no permission",
        ),
        (PeerNote::ClockAhead { by_ms }, "Its clock is 500 days ahead"),
        (
            PeerNote::OwnClockAhead { by_ms, is_met: true },
            "clock is 500 days ahead of that one",
        ),
        (
            PeerNote::OwnClockAhead { by_ms, is_met: false },
            "500 days ahead of that of others, its permission",
        ),
    ];
    for (note, text) in cases {
        let of = || PeerSummary {
            notes: vec![note],
            ..peer("Hub")
        };
        let row = told_of(of()).await;
        assert!(row.contains(text), "{note:?}: {row}");
        assert!(!told_of(peer("Hub")).await.contains(text), "{text} of any peer");
        let arabic = home_in("ar", vec![of()], Vec::new()).await;
        let row = arabic
            .split("<li class=\"peer\">")
            .nth(1)
            .unwrap()
            .split("</li>")
            .next()
            .unwrap();
        assert!(
            arabic.contains("dir=\"rtl\"") && row.matches("<p ").count() == 2,
            "{row}"
        );
        let told = row.rsplit("<p ").next().unwrap();
        assert!(
            told.contains("إذن") && !told.contains("peer-"),
            "{note:?}: {told}"
        );
    }
}

#[tokio::test]
async fn each_thing_that_is_to_be_done_is_told() {
    let cases: [(Nag, &[&str]); 21] = [
        (
            Nag::ClockOff {
                by_ms: 45 * 86_400_000,
                is_ahead: true,
                of: "Puno".into(),
                is_only: false,
            },
            &[
                "notice-warn",
                "clock may be wrong",
                "45 days ahead of those of most",
                "Puno",
            ],
        ),
        (
            Nag::ClockOff {
                by_ms: 45 * 86_400_000,
                is_ahead: false,
                of: "Puno".into(),
                is_only: true,
            },
            &["45 days behind that of Puno", "one of the two"],
        ),
        (
            Nag::Silent {
                silent_ms: 8 * 86_400_000,
            },
            &["notice-warn", "This site has exchanged nothing for 8 days"],
        ),
        (
            Nag::Stale { sites: 4 },
            &["notice-warn", "4 sites have not synced for 7 days"],
        ),
        (Nag::Stale { sites: 1 }, &["One site has not synced for 7 days"]),
        (
            Nag::SoleIssuer {
                name: Some("Cuzco".into()),
                ends_ms: NOW_MS - 86_400_000,
                over: 2,
                untold: vec!["Puno".into(), "Juli".into()],
            },
            &[
                "It is Cuzco. 2 sites&#39; permissions to receive have ended (the first:",
                "not told yet: Puno, Juli.",
                "chaski sync",
            ],
        ),
        (
            Nag::Revoked { by: "Hub".into() },
            &["notice-danger", "taken out of its network", "Hub says so"],
        ),
        (
            Nag::RootNotExported,
            &["notice-warn", "root key has no copy", "chaski root export FILE"],
        ),
        (
            Nag::KeyBesideData,
            &["notice-info", "Key and data lie on one disk"],
        ),
        (Nag::Unsealed, &["notice-danger", "The data is not sealed"]),
        (
            Nag::DiskLow {
                free_bytes: 310_000_000,
            },
            &["notice-danger", "The disk is nearly full", "310 MB are free"],
        ),
        (
            Nag::ClockBehind {
                behind_ms: 18_000_000,
            },
            &["notice-warn", "It stands 5 hours behind"],
        ),
        (
            Nag::ClockAhead {
                ahead_ms: 500 * 86_400_000,
                of: "Puno".into(),
            },
            &["notice-danger", "clock may be wrong", "500 days", "Puno"],
        ),
        (
            Nag::Quarantined { records: 7 },
            &["notice-danger", "7 arrived records did not pass", "chaski doctor"],
        ),
        (
            Nag::Awaiting { changes: 3 },
            &["notice-warn", "3 arrived changes wait", "belongs to the network"],
        ),
        (
            Nag::Grant {
                left_ms: Some(12 * 86_400_000),
            },
            &[
                "notice-warn",
                "permission to receive ends soon",
                "It ends in 12 days",
                "chaski sync",
            ],
        ),
        (
            Nag::Grant { left_ms: None },
            &[
                "notice-danger",
                "This site receives nothing new",
                "chaski sync",
                "chaski issuer add",
            ],
        ),
        (
            Nag::SoleIssuer {
                name: Some("Cuzco".into()),
                ends_ms: NOW_MS + 86_400_000,
                over: 0,
                untold: Vec::new(),
            },
            &[
                "notice-info",
                "One site alone invites others",
                "It is Cuzco. If it is lost, permissions to receive end from",
                "chaski issuer add",
            ],
        ),
        (
            Nag::SoleIssuer {
                name: None,
                ends_ms: NOW_MS + 86_400_000,
                over: 0,
                untold: Vec::new(),
            },
            &["It is this one. If it is lost", "chaski issuer add"],
        ),
        (
            Nag::SoleIssuer {
                name: Some("Cuzco".into()),
                ends_ms: NOW_MS - 86_400_000,
                over: 1,
                untold: Vec::new(),
            },
            &[
                "It is Cuzco. One site&#39;s permission to receive has ended",
                "it alone renews",
            ],
        ),
        (
            Nag::SoleIssuer {
                name: None,
                ends_ms: NOW_MS - 86_400_000,
                over: 1,
                untold: Vec::new(),
            },
            &["It is this one. One site&#39;s permission to receive has ended"],
        ),
    ];
    let plain = home(Vec::new(), Vec::new()).await;
    for (nag, told) in cases {
        let page = home(Vec::new(), vec![nag.clone()]).await;
        for text in told {
            assert!(page.contains(text), "{nag:?} without {text}");
            assert!(!plain.contains(text), "{text} of nothing");
        }
    }
}

#[tokio::test]
async fn what_is_most_urgent_stands_first_and_the_way_to_all_sites_counts_the_late_ones() {
    let nags = vec![
        Nag::KeyBesideData,
        Nag::Stale { sites: 2 },
        Nag::Revoked { by: "Hub".into() },
        Nag::RootNotExported,
        Nag::Unsealed,
    ];
    let late = super::fixture::never_met("Juli");
    let sites = vec![late.clone(), late, super::fixture::site("Hub")];
    let told = |inner| Told {
        inner,
        zone: None,
        peers: Vec::new(),
        sites,
        nags,
    };
    let page = home_of("en", told).await;
    let tones: Vec<&str> = page
        .split("<section class=\"notice notice-")
        .skip(1)
        .filter_map(|notice| notice.split('"').next())
        .filter(|tone| *tone != "fork")
        .collect();
    assert_eq!(tones, ["danger", "danger", "warn", "warn", "info"]);
    let link = page
        .split("href=\"/hub\"")
        .nth(1)
        .unwrap()
        .split("</a>")
        .next()
        .unwrap();
    assert!(link.contains("class=\"count\" aria-hidden=\"true\">2<"), "{link}");
    assert!(link.contains("2 of them have not synced for long"), "{link}");
    let none = home(Vec::new(), Vec::new()).await;
    let link = none
        .split("href=\"/hub\"")
        .nth(1)
        .unwrap()
        .split("</a>")
        .next()
        .unwrap();
    assert!(!link.contains("count"), "{link}");
}

#[tokio::test]
async fn how_many_permissions_have_ended_is_counted_in_arabic_too() {
    let over = [
        (1, "انتهى إذن مركز واحد"),
        (2, "انتهى إذنا مركزين"),
        (3, "انتهت أذون 3 مراكز"),
        (11, "انتهت أذون 11 مركزًا"),
        (100, "انتهت أذون 100 مركز "),
    ];
    for (over, text) in over {
        for name in [Some("Cuzco".to_owned()), None] {
            let (ends_ms, untold) = (NOW_MS - 86_400_000, Vec::new());
            let nag = Nag::SoleIssuer {
                name,
                ends_ms,
                over,
                untold,
            };
            let page = home_in("ar", Vec::new(), vec![nag]).await;
            assert!(page.contains(text), "{over}");
        }
    }
    for (sites, text) in [
        (1, "مركز واحد لم يتزامن"),
        (2, "مركزان لم يتزامنا"),
        (4, "4 مراكز لم تتزامن"),
    ] {
        let page = home_in("ar", Vec::new(), vec![Nag::Stale { sites }]).await;
        assert!(page.contains(text), "{sites}");
    }
}

#[tokio::test]
async fn every_page_shows_the_date_of_a_clock_that_may_be_wrong() {
    let minute_ms = 60_000;
    let off = |by_ms| Nag::ClockOff {
        by_ms,
        is_ahead: true,
        of: "Puno".into(),
        is_only: false,
    };
    for (nag, is_told) in [
        (Some(Nag::ClockEarly), true),
        (
            Some(Nag::ClockBehind {
                behind_ms: 10 * minute_ms + 1,
            }),
            true,
        ),
        (
            Some(Nag::ClockBehind {
                behind_ms: 10 * minute_ms,
            }),
            false,
        ),
        (Some(off(10 * minute_ms + 1)), true),
        (
            Some(Nag::ClockAhead {
                ahead_ms: 500 * 24 * 60 * minute_ms,
                of: "Puno".into(),
            }),
            true,
        ),
        (Some(Nag::Unsealed), false),
        (None, false),
    ] {
        let sample = Sample::new();
        let node = Told {
            inner: FixtureNode::new(false, sample.changes.clone()),
            zone: TimeZone::get("Asia/Manila").ok(),
            peers: Vec::new(),
            sites: Vec::new(),
            nags: nag.clone().into_iter().collect(),
        };
        let parcels = Arc::new(FixtureParcels::default());
        let state = UiState::new(sample.clinic.clone(), Arc::new(node), parcels, false);
        let mut browser = Browser::new(crate::router(state));
        let mut pages = vec![browser.get("/login").await.text];
        browser.sign_in(TOKEN).await;
        for path in ["/", "/patients", "/patients/new", "/conflicts", "/nowhere"] {
            pages.push(browser.get(path).await.text);
        }
        for page in pages {
            let strip = page
                .split("clock-wrong")
                .nth(1)
                .map(|strip| strip.split("</p>").next().unwrap());
            assert_eq!(strip.is_some(), is_told, "{nag:?}");
            // 09:30 in Greenwich on the fixture's day, by the clinic's wall.
            assert!(
                strip.is_none_or(|strip| strip.contains("clock says 20 Nov 2026, 17:30.")),
                "{strip:?}"
            );
            // The foot of every page has the date too.
            assert!(page.contains("20 Nov 2026, 17:30"), "{nag:?}");
        }
    }
}
