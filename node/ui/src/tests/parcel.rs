//! The page that sends and takes records without a network.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode, header};
use axum::response::Response;
use tower::ServiceExt;

use super::fixture::{FixtureParcels, LONG_NAME, TOKEN, TOKEN_OTHER};
use super::{Answer, Browser, browser, signed_in, state, state_with};
use crate::state::PARCELS_MAX;

async fn with(parcels: FixtureParcels) -> Browser {
    let mut browser = Browser::new(crate::router(state_with(false, parcels).0));
    browser.sign_in(TOKEN).await;
    browser
}

/// An answer whose body nobody has begun to take.
async fn download(browser: &mut Browser) -> Response {
    let csrf = browser.get("/parcel").await.hidden("csrf");
    let cookies: Vec<String> = browser
        .cookies
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let request = Request::post("/parcel/write")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header(header::COOKIE, cookies.join("; "))
        .body(Body::from(format!("csrf={csrf}&to-a1b2=1")))
        .unwrap();
    browser.router.clone().oneshot(request).await.unwrap()
}

/// What a file of eight letters and more comes to.
async fn upload(browser: &mut Browser, kind: &str, more: usize) -> Answer {
    let csrf = browser.get("/parcel").await.hidden("csrf");
    let mut file = format!("{kind:8}").into_bytes();
    file.resize(8 + more, b'.');
    browser.upload("/parcel/read", &csrf, file).await
}

#[tokio::test]
async fn it_is_offered_to_those_who_may_and_refused_to_others() {
    let mut may = signed_in().await;
    assert!(may.get("/").await.text.contains("href=\"/parcel\""));
    let text = may.get("/parcel").await.text;
    for told in [
        "Mobile team",
        "Regional hub",
        "name=\"to-a1b2\" value=\"1\" checked",
    ] {
        assert!(text.contains(told), "{told}");
    }
    let mut may_not = browser();
    may_not.sign_in(TOKEN_OTHER).await;
    let home = may_not.get("/").await;
    assert!(!home.text.contains("/parcel"));
    let refused = may_not.get("/parcel").await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    let needed = "both administrator and clinician";
    assert!(refused.text.contains(needed), "{}", refused.text);
    let csrf = home.hidden("csrf");
    let fields = [("csrf", csrf.as_str()), ("to-a1b2", "1")];
    let refused = may_not.post("/parcel/write", &fields).await;
    assert_eq!(
        (refused.status, refused.text.contains(needed)),
        (StatusCode::FORBIDDEN, true)
    );
    let answer = may_not.upload("/parcel/read", &csrf, b"whole   ".to_vec()).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert!(!answer.text.contains("was read") && answer.text.contains(needed));
}

#[tokio::test]
async fn a_parcel_is_downloaded_for_those_who_were_ticked() {
    let mut browser = signed_in().await;
    let csrf = browser.get("/parcel").await.hidden("csrf");
    let ticked = [
        ("csrf", csrf.as_str()),
        ("to-a1b2", "1"),
        ("to-e5f6", "1"),
        ("all", "1"),
    ];
    let answer = browser.post("/parcel/write", &ticked).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.header(header::CONTENT_TYPE), "application/octet-stream");
    assert_eq!(answer.header(header::CACHE_CONTROL), "no-store");
    assert_eq!(
        answer.header(header::CONTENT_DISPOSITION),
        "attachment; filename=\"Santa-Rosa-to-2-sites-2026-11-20-0430.chaski\""
    );
    let start = "sealed for a1b2 e5f6 all=true";
    assert!(answer.text.starts_with(start));
    assert_eq!(answer.text.len(), start.len() + FixtureParcels::LARGE_BYTES);

    // Nothing was ticked, or somebody who may not have it: told in the page, with no file.
    let nobody = browser.post("/parcel/write", &ticked[..1]).await;
    assert_eq!(nobody.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(nobody.text.contains("Choose at least one site") && nobody.text.contains("name=\"to-a1b2\""));
    let fields = [("csrf", csrf.as_str()), ("to-revoked", "1")];
    let refused = browser.post("/parcel/write", &fields).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(refused.text.contains("may receive nothing more"));
    let fields = [("csrf", "x"), ("to-a1b2", "1")];
    assert_eq!(
        browser.post("/parcel/write", &fields).await.status,
        StatusCode::FORBIDDEN
    );
}

#[tokio::test]
async fn the_name_of_a_file_says_for_whom_it_is_and_when_it_was_written() {
    let mut browser = signed_in().await;
    let csrf = browser.get("/parcel").await.hidden("csrf");
    for (to, named) in [
        (&["a1b2"][..], "Mobile-team"),
        (&["c3d4"], "Regional-hub"),
        // No letter of it stands in every stick's names.
        (&["e5f6"], "e5f6"),
        (&["a1b2", "c3d4"], "2-sites"),
        (&["a1b2", "c3d4", "e5f6"], "all"),
    ] {
        let names: Vec<String> = to.iter().map(|key| format!("to-{key}")).collect();
        let mut fields = vec![("csrf", csrf.as_str())];
        fields.extend(names.iter().map(|name| (name.as_str(), "1")));
        let answer = browser.post("/parcel/write", &fields).await;
        let name = format!("attachment; filename=\"Santa-Rosa-to-{named}-2026-11-20-0430.chaski\"");
        assert_eq!(answer.header(header::CONTENT_DISPOSITION), name);
    }
}

#[tokio::test]
async fn the_page_tells_what_is_in_the_last_file_and_for_whom_or_that_nothing_was_new() {
    let mut browser = signed_in().await;
    let before = browser.get("/parcel").await;
    assert!(before.text.contains("id=\"live-written\"") && !before.text.contains("The file for"));
    let csrf = before.hidden("csrf");
    let all = [("csrf", csrf.as_str()), ("to-a1b2", "1"), ("all", "1")];
    browser.post("/parcel/write", &all).await;
    let told = "The file for Mobile team was written today 04:30: ";
    let text = browser.get("/parcel").await.text;
    assert!(text.contains(&format!("{told}1204 records are in it.")), "{text}");
    browser.post("/parcel/write", &all[..2]).await;
    let text = browser.get("/parcel").await.text;
    assert!(
        text.contains(&format!("{told}there was nothing new for it")),
        "{text}"
    );
    // It is told to whoever wrote it.
    let mut other = signed_in().await;
    assert!(!other.get("/parcel").await.text.contains("The file for"));
}

#[tokio::test]
async fn a_name_that_begins_with_a_dot_keeps_it_in_front_in_arabic() {
    let mut browser = signed_in().await;
    browser.get("/language/ar").await;
    let page = browser.get("/parcel").await.text;
    assert!(page.contains("\u{2068}.chaski\u{2069}"), "{page}");
}

#[tokio::test]
async fn a_download_that_fails_midway_is_cut_and_the_next_one_works() {
    let parcels = FixtureParcels {
        fails_late: true,
        ..FixtureParcels::default()
    };
    let mut browser = with(parcels).await;
    // More often than there are places: each is given back.
    for _ in 0..2 * PARCELS_MAX {
        let response = download(&mut browser).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert!(to_bytes(response.into_body(), 10_000_000).await.is_err());
    }
}

#[tokio::test]
async fn those_who_take_nothing_keep_their_places_for_a_while_only() {
    let mut browser = signed_in().await;
    let mut waiting = Vec::new();
    for _ in 0..PARCELS_MAX {
        waiting.push(download(&mut browser).await);
    }
    let refused = download(&mut browser).await;
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    let begun = std::time::Instant::now();
    while download(&mut browser).await.status() != StatusCode::OK {
        assert!(begun.elapsed().as_secs() < 20);
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    // What they were sent is not whole.
    let late = waiting.pop().unwrap();
    assert!(to_bytes(late.into_body(), 10_000_000).await.is_err());
}

#[tokio::test]
async fn where_nobody_may_receive_there_is_no_form_to_send() {
    let parcels = FixtureParcels {
        alone: true,
        ..FixtureParcels::default()
    };
    let text = with(parcels).await.get("/parcel").await.text;
    assert!(text.contains("no other site yet") && !text.contains("/parcel/write"));
    assert!(text.contains("action=\"/parcel/read\""));
}

#[tokio::test]
async fn an_upload_longer_than_any_form_is_taken_in_and_its_report_told() {
    let mut browser = signed_in().await;
    let answer = upload(&mut browser, "whole", 2_000_000).await;
    assert_eq!(answer.status, StatusCode::OK);
    for told in [
        "The file from Regional hub was read",
        "2,012,345",
        "23,456",
        "42",
        "This site now holds what Regional hub held then.",
    ] {
        assert!(answer.text.contains(told), "{told}");
    }
    let gap = upload(&mut browser, "gap", 0).await;
    assert!(
        gap.text.contains("Ask Regional hub for a file with everything") && !gap.text.contains("now holds")
    );
    let bad = upload(&mut browser, "bad", 0).await;
    for told in [
        "One change was refused",
        "2 changes were set aside",
        "Patient/p9: made by no member",
    ] {
        assert!(bad.text.contains(told), "{told}");
    }
    let cut = upload(&mut browser, "cut", 0).await;
    assert_eq!(cut.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(cut.text.contains("its end is missing") && cut.text.contains("a good copy"));
}

/// The sign before the heading says at a glance whether anything is missing.
#[tokio::test]
async fn only_a_file_of_which_nothing_is_missing_is_told_taken_in_whole() {
    let mut browser = signed_in().await;
    for (kind, is_whole, said) in [
        ("whole", true, "This site now holds what Regional hub held then."),
        // Something newer is here: nothing of the file is missing for that.
        ("older", true, ""),
        ("gap", false, "Ask Regional hub for a file with everything"),
        ("refused", false, "One change was refused"),
        ("waiting", false, "3 changes wait until this site hears"),
        ("setaside", false, "One change was set aside"),
        ("bad", false, "2 changes were set aside"),
        ("cut", false, "its end is missing"),
    ] {
        let page = upload(&mut browser, kind, 0).await.text;
        let report = page.split("<section class=\"card taken\"").nth(1).expect(kind);
        let report = report.split("</section>").next().unwrap();
        let heading = report.split("</h2>").next().unwrap();
        assert_eq!(heading.contains("#i-check"), is_whole, "{kind}");
        assert_eq!(heading.contains("#i-warn"), !is_whole, "{kind}");
        assert!(report.contains(said), "{kind}");
        for other in [
            "Ask Regional hub for",
            "refused",
            "set aside",
            "its end is missing",
        ] {
            let is_said = report.contains(other);
            assert!(
                is_said == said.contains(other) || kind == "bad",
                "{kind}: {other}"
            );
        }
    }
}

#[tokio::test]
async fn a_wrong_file_is_told_even_where_it_is_long() {
    let mut browser = signed_in().await;
    for (kind, status, told) in [
        (
            "a video",
            StatusCode::UNPROCESSABLE_ENTITY,
            "no file of another site",
        ),
        ("not for", StatusCode::UNPROCESSABLE_ENTITY, "not for this site"),
        (
            "own",
            StatusCode::UNPROCESSABLE_ENTITY,
            "This site wrote the file itself",
        ),
        ("network", StatusCode::UNPROCESSABLE_ENTITY, "of another network"),
        (
            "revoked",
            StatusCode::UNPROCESSABLE_ENTITY,
            "taken out of this network",
        ),
        ("full", StatusCode::INSUFFICIENT_STORAGE, "nearly full"),
        (
            "awaiting",
            StatusCode::UNPROCESSABLE_ENTITY,
            "Sync with another site",
        ),
        ("fault", StatusCode::INTERNAL_SERVER_ERROR, "abc"),
    ] {
        let answer = upload(&mut browser, kind, 3_000_000).await;
        assert_eq!(answer.status, status, "{kind}");
        assert!(answer.text.contains(told), "{kind}");
        assert!(!answer.text.contains("was read"), "{kind}");
    }
    let csrf = browser.get("/parcel").await.hidden("csrf");
    let none = browser.upload_named("/parcel/read", &csrf, "", Vec::new()).await;
    assert_eq!(none.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(none.text.contains("Choose the file first"));
    let empty = browser.upload("/parcel/read", &csrf, Vec::new()).await;
    assert_eq!(empty.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(empty.text.contains("The file is empty") && !empty.text.contains("Choose the file first"));
    let short = browser.upload("/parcel/read", &csrf, b"who".to_vec()).await;
    assert!(short.text.contains("did not come through"));
    let form = browser.post("/parcel/read", &[("csrf", &csrf)]).await;
    assert_eq!(form.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn an_upload_needs_its_session_and_its_form_token() {
    let mut browser = browser();
    let answer = browser.upload("/parcel/read", "x", b"whole   ".to_vec()).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    assert_eq!(answer.header(header::LOCATION), "/login?next=/parcel");
    browser.sign_in(TOKEN).await;
    for wrong in ["", "x", &"x".repeat(5_000)] {
        let answer = browser.upload("/parcel/read", wrong, b"whole   ".to_vec()).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN);
        assert!(answer.text.contains("choose the file again") && !answer.text.contains("was read"));
    }
    let csrf = browser.get("/parcel").await.hidden("csrf");
    let mut elsewhere = browser.with(header::ORIGIN, "http://evil.example");
    let answer = elsewhere
        .upload("/parcel/read", &csrf, b"whole   ".to_vec())
        .await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    // The addresses that were posted to are pages too: a change of language asks for them.
    let mut reader = Browser::new(crate::router(state(false).0));
    reader.sign_in(TOKEN).await;
    for path in ["/parcel/read", "/parcel/write"] {
        assert_eq!(reader.get(path).await.status, StatusCode::OK, "{path}");
    }
}

#[tokio::test]
async fn a_part_whose_head_never_ends_is_not_kept() {
    let mut browser = signed_in().await;
    let csrf = browser.get("/parcel").await.hidden("csrf");
    let start =
        format!("--mark\r\nContent-Disposition: form-data; name=\"csrf\"\r\n\r\n{csrf}\r\n--mark\r\nx: ");
    let (taken, count) = (Arc::new(AtomicUsize::new(0)), 2_000);
    let counted = Arc::clone(&taken);
    let pieces = (0..count).map(move |number| {
        counted.fetch_add(1, Ordering::Relaxed);
        Ok::<_, std::io::Error>(if number == 0 {
            start.clone().into_bytes()
        } else {
            vec![b'x'; 50_000]
        })
    });
    let request = Request::post("/parcel/read")
        .header(header::CONTENT_TYPE, "multipart/form-data; boundary=mark")
        .body(Body::from_stream(futures_util::stream::iter(pieces)))
        .unwrap();
    let answer = browser.send(request).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert!(answer.text.contains("did not come through"));
    assert!(taken.load(Ordering::Relaxed) < 30, "{taken:?}");
}

#[tokio::test]
async fn a_file_whose_sending_broke_off_never_passes_for_a_whole_one() {
    let mut browser = signed_in().await;
    let csrf = browser.get("/parcel").await.hidden("csrf");
    for more in [0, 100, 300_000] {
        for breaks in [true, false] {
            let mut body = format!(
                "--mark\r\nContent-Disposition: form-data; name=\"csrf\"\r\n\r\n{csrf}\r\n--mark\r\n\
                 Content-Disposition: form-data; name=\"file\"; filename=\"x.chaski\"\r\n\r\nwhole   "
            )
            .into_bytes();
            body.resize(body.len() + more, b'.');
            let mut pieces: Vec<Result<Vec<u8>, std::io::Error>> =
                body.chunks(50_000).map(|piece| Ok(piece.to_vec())).collect();
            if breaks {
                pieces.push(Err(std::io::ErrorKind::ConnectionReset.into()));
            }
            let request = Request::post("/parcel/read")
                .header(header::CONTENT_TYPE, "multipart/form-data; boundary=mark")
                .body(Body::from_stream(futures_util::stream::iter(pieces)))
                .unwrap();
            let answer = browser.send(request).await;
            assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{more} {breaks}");
            assert!(answer.text.contains("did not come through"), "{more} {breaks}");
            assert!(!answer.text.contains("was read"), "{more} {breaks}");
        }
    }
    // Its place is free again each time.
    let whole = upload(&mut browser, "whole", 0).await;
    assert_eq!(whole.status, StatusCode::OK);
}

#[tokio::test]
async fn a_parcel_is_sealed_for_nobody_who_was_not_ticked_and_holds_all_only_if_that_was() {
    let mut browser = signed_in().await;
    let csrf = browser.get("/parcel").await.hidden("csrf");
    for (ticked, sealed) in [
        (&[("to-a1b2", "1")][..], "sealed for a1b2 all=false."),
        (
            &[("to-a1b2", "1"), ("to-c3d4", "0"), ("to-e5f6", "")],
            "sealed for a1b2 all=false.",
        ),
        (
            &[("to-a1b2", "1"), ("to-c3d4", "on")],
            "sealed for a1b2 all=false.",
        ),
        (
            &[("to-a1b2", "1"), ("c3d4", "1"), ("x-to-e5f6", "1")],
            "sealed for a1b2 all=false.",
        ),
        (&[("to-a1b2", "1"), ("all", "0")], "sealed for a1b2 all=false."),
        (
            &[("to-c3d4", "1"), ("to-a1b2", "1"), ("all", "1")],
            "sealed for a1b2 c3d4 all=true.",
        ),
    ] {
        let mut fields = vec![("csrf", csrf.as_str())];
        fields.extend(ticked);
        let answer = browser.post("/parcel/write", &fields).await;
        assert_eq!(answer.status, StatusCode::OK, "{ticked:?}");
        assert!(answer.text.starts_with(sealed), "{ticked:?}");
    }
    for none in [("to-a1b2", "0"), ("a1b2", "1"), ("all", "1")] {
        let answer = browser.post("/parcel/write", &[("csrf", &csrf), none]).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{none:?}");
    }
}

#[tokio::test]
async fn an_upload_without_its_token_before_its_file_is_not_looked_at() {
    let mut browser = signed_in().await;
    let csrf = browser.get("/parcel").await.hidden("csrf");
    let part = |name: &str, text: &str| {
        format!("--mark\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{text}\r\n")
    };
    let file = || part("file", "whole   ");
    for (parts, status) in [
        (vec![part("csrf", &csrf), file()], StatusCode::OK),
        (vec![file(), part("csrf", &csrf)], StatusCode::FORBIDDEN),
        (vec![part("token", &csrf), file()], StatusCode::FORBIDDEN),
        (vec![file()], StatusCode::FORBIDDEN),
        (
            vec![part("csrf", &format!("{csrf}x")), file()],
            StatusCode::FORBIDDEN,
        ),
        (
            vec![part("csrf", csrf.get(1..).unwrap()), file()],
            StatusCode::FORBIDDEN,
        ),
        (vec![part("csrf", &csrf)], StatusCode::UNPROCESSABLE_ENTITY),
        (vec![], StatusCode::UNPROCESSABLE_ENTITY),
    ] {
        let body = format!("{}--mark--\r\n", parts.concat());
        let request = Request::post("/parcel/read")
            .header(header::CONTENT_TYPE, "multipart/form-data; boundary=mark")
            .body(Body::from(body))
            .unwrap();
        let answer = browser.send(request).await;
        assert_eq!(answer.status, status, "{parts:?}");
        assert_eq!(
            answer.text.contains("was read"),
            status == StatusCode::OK,
            "{parts:?}"
        );
    }
}

#[tokio::test]
async fn whose_permission_is_over_is_named_and_can_not_be_ticked() {
    let mut browser = signed_in().await;
    let text = browser.get("/parcel").await.text;
    let choices: Vec<&str> = text.split("<label class=\"choice\">").skip(1).collect();
    let over: Vec<&&str> = choices
        .iter()
        .filter(|choice| choice.contains(LONG_NAME))
        .collect();
    assert_eq!(over.len(), 2);
    for (choice, mark) in over.iter().zip(["d00d", "beef"]) {
        let choice = choice.split("</label>").next().unwrap();
        assert!(
            choice.contains("disabled") && !choice.contains("checked") && !choice.contains("name="),
            "{choice}"
        );
        assert!(
            choice.contains("May receive nothing until") && choice.contains(mark),
            "{choice}"
        );
    }
    // Where nobody may receive they are named as well, and no file can be saved.
    let parcels = FixtureParcels {
        alone: true,
        ..FixtureParcels::default()
    };
    let text = with(parcels).await.get("/parcel").await.text;
    assert!(text.contains(LONG_NAME) && text.contains("no other site yet that may receive"));
    assert!(!text.contains("Save the file"));
}

#[tokio::test]
async fn the_longest_name_without_a_space_stays_within_a_narrow_page() {
    let style = signed_in().await.get(&crate::assets::urls().css).await.text;
    for rule in [
        ".choice{display:inline-flex;align-items:center;max-inline-size:100%;",
        ".choice>span{min-inline-size:0;overflow-wrap:anywhere}",
        ".choice input{flex:none;",
    ] {
        assert!(style.contains(rule), "{rule}");
    }
}

#[tokio::test]
async fn a_site_that_was_taken_out_of_its_network_is_told_so_before_it_writes_a_file() {
    let mut busy = Browser::new(crate::router(state_with(true, FixtureParcels::default()).0));
    busy.sign_in(TOKEN).await;
    let text = busy.get("/parcel").await.text;
    assert!(text.contains("This node was taken out of its network") && text.contains("clock may be wrong"));
    assert!(
        !text.contains("root key has no copy"),
        "that is for the first page"
    );
}
