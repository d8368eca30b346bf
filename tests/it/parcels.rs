//! Clinics that no network reaches: what they write goes from hand to hand.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use chaski_tests::chaski::{Running, Said, Served, Site, two_clinics};
use chaski_tests::http::{Answer, Http};
use serde_json::{Value, json};

use crate::bad_luck::mount;

/// Made-up people who are carried to and fro.
const PEOPLE: u32 = 30;

/// A made-up population as a file beside the site, and its records.
fn people(site: &Site, seed: u64, people: u32) -> (PathBuf, Vec<Value>) {
    let lines: Vec<String> = chaski_fhir::sample::population(seed, people)
        .map(|record| record.to_string())
        .collect();
    let path = site.home.path().join(format!("people-{seed}.ndjson"));
    std::fs::write(&path, lines.join("\n")).unwrap();
    let records = lines.iter().map(|line| serde_json::from_str(line).unwrap());
    (path, records.collect())
}

fn write(site: &Site, file: &Path, more: &[&str]) -> Value {
    let mut args = vec!["parcel", "write", "--json", file.to_str().unwrap()];
    args.extend(more);
    site.run(&args).ok().json()
}

fn read(site: &Site, file: &Path) -> Said {
    site.run(&["parcel", "read", "--json", file.to_str().unwrap()])
}

/// A file of which nothing can be taken in is told alike to people and to programs.
#[track_caller]
fn assert_refused(site: &Site, file: &Path, code: i32, why: &str) {
    let said = site.run(&["parcel", "read", file.to_str().unwrap()]).expect(code);
    assert!(said.out.is_empty() && said.err.contains(why), "{said:?}");
    let report = read(site, file).expect(code).json();
    assert!(report["fault"].as_str().unwrap().contains(why), "{report}");
    assert_eq!(
        (&report["in_sync"], &report["name"], &report["not_for_this_node"]),
        (&Value::Null, &Value::Null, &json!(code == 5)),
        "{report}"
    );
}

/// The first record of a kind.
fn one<'a>(records: &'a [Value], kind: &str) -> &'a Value {
    records.iter().find(|r| r["resourceType"] == kind).unwrap()
}

fn reference(record: &Value) -> String {
    format!(
        "{}/{}",
        record["resourceType"].as_str().unwrap(),
        record["id"].as_str().unwrap()
    )
}

/// Reads, changes and writes back, as a person at the node would.
fn edit(site: &Site, reference: &str, change: impl FnOnce(&mut Value)) {
    let mut record = site.read(reference);
    change(&mut record);
    site.put(&record).ok();
}

/// Names, ids, birth dates and telephone numbers of the population.
fn identifying(records: &[Value]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for record in records {
        found.extend(record["id"].as_str().map(str::to_owned));
        found.extend(record["birthDate"].as_str().map(str::to_owned));
        for name in record["name"].as_array().into_iter().flatten() {
            found.extend(name["family"].as_str().map(str::to_owned));
            let given = name["given"].as_array().into_iter().flatten();
            found.extend(given.filter_map(Value::as_str).map(str::to_owned));
        }
        for contact in record["telecom"].as_array().into_iter().flatten() {
            found.extend(contact["value"].as_str().map(str::to_owned));
        }
    }
    // Fewer letters stand in any sealed file by chance.
    found.retain(|text| text.len() >= 5);
    found
}

fn assert_tells_nothing(file: &Path, records: &[Value]) {
    let bytes = std::fs::read(file).unwrap();
    let wanted = identifying(records);
    assert!(wanted.len() > 500, "{}", wanted.len());
    let heads: BTreeSet<&[u8]> = wanted.iter().map(|text| &text.as_bytes()[..5]).collect();
    for (at, window) in bytes.windows(5).enumerate() {
        if heads.contains(window) {
            let told = wanted
                .iter()
                .find(|text| bytes[at..].starts_with(text.as_bytes()));
            assert_eq!(told, None, "at {at}");
        }
    }
}

#[test]
fn two_that_never_meet_hold_the_same_by_a_stick() {
    let (a, b) = two_clinics();
    let stick = tempfile::tempdir().unwrap();
    let (there, here) = (stick.path().join("to-b.chaski"), stick.path().join("to-a.chaski"));
    let (file, records) = people(&a, 7, PEOPLE);
    a.import(&[file]);

    let written = write(&a, &there, &[]);
    assert_eq!(written["file"], json!(there.to_str().unwrap()));
    assert_eq!(written["recipients"][0]["name"], json!("Clinic B"));
    assert_eq!(written["records"].as_u64(), Some(records.len() as u64));
    assert_eq!(
        written["bytes"].as_u64(),
        Some(std::fs::metadata(&there).unwrap().len())
    );
    assert_eq!(written["since"], Value::Null);
    assert_tells_nothing(&there, &records);

    let taken = read(&b, &there).ok().json();
    assert_eq!(
        (&taken["in_sync"], &taken["gap"], &taken["fault"]),
        (&json!(true), &json!(false), &Value::Null)
    );
    assert_eq!(
        (&taken["name"], &taken["new_records"]),
        (&json!("Clinic A"), &written["records"])
    );
    assert_eq!(a.export(), b.export());

    // Apart, both change the same prescription; one of them also a telephone number.
    let prescription = reference(one(&records, "MedicationRequest"));
    let patient = reference(one(&records, "Patient"));
    let dose = |text: &str| json!([{"text": text}]);
    edit(&a, &prescription, |m| {
        m["dosageInstruction"] = dose("one in the morning")
    });
    edit(&b, &prescription, |m| {
        m["dosageInstruction"] = dose("two at night")
    });
    edit(&b, &patient, |p| {
        p["telecom"] = json!([{"system": "phone", "value": "555 0199"}])
    });

    // B to A, and A, served meanwhile, to B: only what is new.
    let back = write(&b, &here, &["--to", "Clinic A"]);
    assert!(back["records"].as_u64().unwrap() <= 2, "{back}");
    let served = a.serve();
    let taken = read(&a, &here).ok().json();
    assert_eq!(
        (&taken["new_records"], &taken["gap"]),
        (&json!(2), &json!(false)),
        "{taken}"
    );
    let again = read(&a, &here).ok().json();
    assert_eq!(again["new_records"], json!(0), "{again}");
    let refused = a.run(&["parcel", "write", there.to_str().unwrap()]).expect(1);
    assert!(refused.err.contains("--force"), "{}", refused.err);
    let news = write(&a, &there, &["--force", "--to", "Clinic B"]);
    assert!(
        news["records"].as_u64().unwrap() <= 2 && news["since"].is_string(),
        "{news}"
    );
    let taken = read(&b, &there).ok().json();
    assert_eq!(
        (&taken["in_sync"], &taken["gap"]),
        (&json!(true), &json!(false)),
        "{taken}"
    );

    assert_eq!(a.export(), b.export());
    for site in [&a, &b] {
        let conflicts = site.conflicts().to_string();
        let both = ["one in the morning", "two at night"];
        assert!(both.iter().all(|dose| conflicts.contains(dose)), "{conflicts}");
    }

    // When a cable is laid after all there is next to nothing to say.
    let (code, report) = b.sync(&served);
    assert_eq!(code, 0, "{report}");
    assert_eq!(
        (&report["sent_records"], &report["received_records"]),
        (&json!(0), &json!(0))
    );
    let moved = report["bytes_out"].as_u64().unwrap() + report["bytes_in"].as_u64().unwrap();
    assert!(moved <= 1_024, "{report}");
}

#[test]
fn a_parcel_is_for_those_it_was_sealed_to() {
    let a = Site::init("Clinic A");
    let (b, c) = {
        let _served = a.serve();
        let b = Site::join("Clinic B", &a.invite("clinic"));
        (b, Site::join("Clinic C", &a.invite("clinic")))
    };
    let (file, _) = people(&a, 3, 1);
    a.import(std::slice::from_ref(&file));
    let sealed = a.home.path().join("b.chaski");
    write(&a, &sealed, &["--to", "Clinic B"]);
    assert_refused(&c, &sealed, 5, "not sealed to this node");
    let other = Site::init("Elsewhere");
    assert_refused(&other, &sealed, 1, "another network");
    assert_refused(&a, &sealed, 5, "this node wrote the parcel itself");
    let before = c.status()["records"].clone();
    assert_eq!(before, json!(0));

    // Who it is for is said or refused; no file is left behind.
    let unknown = a.home.path().join("x.chaski");
    let refused = a.run(&["parcel", "write", "--to", "Clinic Z", unknown.to_str().unwrap()]);
    assert!(refused.expect(1).err.contains("no node is known as Clinic Z"));
    a.run(&["peer", "revoke", "Clinic C"]).ok();
    let refused = a.run(&["parcel", "write", "--to", "Clinic C", unknown.to_str().unwrap()]);
    assert!(refused.expect(1).err.contains("has been ended"));
    let left: Vec<_> = std::fs::read_dir(a.home.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .filter(|name| name.starts_with("x.chaski"))
        .collect();
    assert_eq!(left, Vec::<String>::new());
    let open = write(&a, &unknown, &[]);
    assert_eq!(open["recipients"].as_array().unwrap().len(), 1, "{open}");

    // Neither kind of file passes for the other.
    let wrong = a.run(&["import", sealed.to_str().unwrap()]).expect(1);
    assert!(wrong.err.contains("chaski parcel read"), "{}", wrong.err);
    assert_refused(&b, &file, 1, "chaski import");
    let empty = a.home.path().join("empty");
    std::fs::write(&empty, "").unwrap();
    assert_refused(&b, &empty, 1, "the file is empty");
    std::fs::write(&empty, &std::fs::read(&sealed).unwrap()[..40]).unwrap();
    assert_refused(&b, &empty, 1, "its end is missing");
    let absent = a.home.path().join("absent");
    let refused = a.run(&["parcel", "write", "--to", "", absent.to_str().unwrap()]);
    assert!(refused.expect(2).err.contains("name or key is empty"));
}

#[test]
fn a_damaged_parcel_gives_what_stands_before_the_fault() {
    let (a, b) = two_clinics();
    let (file, records) = people(&a, 5, 10);
    a.import(&[file]);
    let stick = tempfile::tempdir().unwrap();
    let (good, bad) = (stick.path().join("good"), stick.path().join("bad"));
    write(&a, &good, &[]);
    let bytes = std::fs::read(&good).unwrap();
    std::fs::write(&bad, &bytes[..bytes.len() - 5]).unwrap();
    let said = read(&b, &bad).expect(1);
    let report = said.json();
    assert!(report["fault"].as_str().unwrap().contains("cut"), "{report}");
    let came = report["new_records"].as_u64().unwrap();
    assert!(came > 0 && came < records.len() as u64, "{report}");

    let mut altered = bytes.clone();
    altered[bytes.len() / 2] ^= 1;
    std::fs::write(&bad, &altered).unwrap();
    let report = read(&b, &bad).expect(1).json();
    assert!(report["fault"].as_str().unwrap().contains("altered"), "{report}");

    let report = read(&b, &good).ok().json();
    assert_eq!(report["in_sync"], json!(true), "{report}");
    assert_eq!(
        report["new_records"].as_u64().unwrap(),
        records.len() as u64 - came
    );
    assert_eq!(a.export(), b.export());
}

#[test]
fn a_node_that_holds_more_than_the_sender_holds_all_of_it() {
    let (a, b) = two_clinics();
    let person = |number: u32| {
        let id = format!("0190f5a0-0000-7000-8000-0000000{number:05x}");
        json!({"resourceType": "Patient", "id": id, "name": [{"family": "Quispe"}]})
    };
    a.put(&person(1)).ok();
    b.put(&person(2)).ok();
    let stick = tempfile::tempdir().unwrap();
    let file = stick.path().join("x");
    write(&a, &file, &[]);
    let taken = read(&b, &file).ok().json();
    assert_eq!(
        (&taken["in_sync"], &taken["gap"]),
        (&json!(true), &json!(false)),
        "{taken}"
    );
    let said = b.run(&["parcel", "read", file.to_str().unwrap()]).ok();
    assert!(said.out.contains("holds all that Clinic A held then"), "{said:?}");
    // Of one that was cut it is not known.
    let bytes = std::fs::read(&file).unwrap();
    std::fs::write(&file, &bytes[..bytes.len() - 5]).unwrap();
    let taken = read(&b, &file).expect(1).json();
    assert_eq!(taken["in_sync"], Value::Null, "{taken}");
}

#[test]
fn writing_touches_no_file_but_the_one_that_was_named() {
    let (a, _b) = two_clinics();
    a.put(&json!({"resourceType": "Patient"})).ok();
    let stick = tempfile::tempdir().unwrap();
    let (parcel, export) = (stick.path().join("parcel"), stick.path().join("export"));
    let beside = |path: &Path| PathBuf::from(format!("{}.part", path.display()));
    std::fs::write(beside(&parcel), "mine").unwrap();
    std::fs::create_dir(beside(&export)).unwrap();
    a.run(&["parcel", "write", parcel.to_str().unwrap()]).ok();
    a.run(&["export", "--out", export.to_str().unwrap()]).ok();
    assert_eq!(std::fs::read_to_string(beside(&parcel)).unwrap(), "mine");
    assert!(beside(&export).is_dir());
    assert_eq!(std::fs::read_dir(stick.path()).unwrap().count(), 4);
    let nowhere = stick.path().join("none").join("x");
    let refused = a.run(&["parcel", "write", nowhere.to_str().unwrap()]).expect(1);
    assert!(
        refused.err.contains("making ") && refused.err.contains("none/x."),
        "{refused:?}"
    );
}

#[test]
fn a_full_stick_leaves_no_half_parcel() {
    let stick = tempfile::tempdir().unwrap();
    let Some(_mounted) = mount(stick.path(), &["-t", "tmpfs", "-o", "size=64k", "tmpfs"]) else {
        return;
    };
    let (a, _b) = two_clinics();
    let (file, _) = people(&a, 5, 10);
    a.import(&[file]);
    let path = stick.path().join("b.chaski");
    let refused = a.run(&["parcel", "write", path.to_str().unwrap()]).expect(1);
    assert!(
        refused.err.contains("b.chaski") && refused.err.contains("space"),
        "{}",
        refused.err
    );
    assert_eq!(std::fs::read_dir(stick.path()).unwrap().count(), 0);
}

#[test]
fn a_served_node_takes_a_parcel_in_while_it_talks_with_its_writer() {
    let (a, b) = two_clinics();
    let (file, _) = people(&a, 9, 1);
    a.import(&[file]);
    let stick = tempfile::tempdir().unwrap();
    let path = stick.path().join("b.chaski");
    write(&a, &path, &[]);
    let (_a, _b) = (a.serve(), b.serve());
    let until_equal = || {
        let begun = std::time::Instant::now();
        while a.status()["fingerprint"] != b.status()["fingerprint"] {
            assert!(
                begun.elapsed().as_secs() < 60,
                "they do not come to hold the same"
            );
            std::thread::sleep(std::time::Duration::from_millis(200));
        }
    };
    // Both ways at once, whichever comes first.
    let taken = read(&b, &path).ok().json();
    assert_eq!(
        (&taken["in_sync"], &taken["gap"]),
        (&json!(true), &json!(false)),
        "{taken}"
    );
    until_equal();
    let patient = json!({"resourceType": "Patient", "gender": "female", "name": [{"family": "Mamani"}]});
    a.put(&patient).ok();
    until_equal();
    let news = write(&a, &path, &["--force"]);
    let taken = read(&b, &path).ok().json();
    assert_eq!(
        (&taken["new_records"], &taken["gap"]),
        (&json!(0), &json!(false)),
        "{news} {taken}"
    );
    b.put(&patient).ok();
    until_equal();
    assert_eq!(a.export(), b.export());
}

/// Somebody at a browser without script.
pub(crate) struct Visitor {
    http: Http,
    cookies: String,
}

impl Visitor {
    pub(crate) fn sign_in(served: &Served<'_>, roles: &[&str]) -> Visitor {
        let token = served.token(roles);
        let mut visitor = Visitor {
            http: Http::new(&served.base(), ""),
            cookies: String::new(),
        };
        let page = visitor.send("GET", "/login", "", b"");
        visitor.keep(&page);
        let form = format!("csrf={}&token={token}&next=/", hidden(&page.body, "csrf"));
        let answer = visitor.post("/login", &form);
        visitor.keep(&answer.expect(303));
        visitor
    }

    fn keep(&mut self, answer: &Answer) {
        let set = answer
            .headers
            .iter()
            .filter(|(name, _)| name.eq_ignore_ascii_case("set-cookie"));
        for (_, cookie) in set {
            let pair = cookie.split(';').next().unwrap();
            self.cookies.push_str(&format!("{pair}; "));
        }
    }

    fn headers<'a>(&'a self, kind: &'a str) -> [(&'a str, &'a str); 2] {
        [("cookie", &self.cookies), ("content-type", kind)]
    }

    pub(crate) fn send(&self, method: &str, path: &str, kind: &str, body: &[u8]) -> Answer {
        self.http.send(method, path, &self.headers(kind), body)
    }

    pub(crate) fn post(&self, path: &str, form: &str) -> Answer {
        self.send("POST", path, "application/x-www-form-urlencoded", form.as_bytes())
    }

    /// The form as the page shows it, every box for a recipient ticked: the name of the file and the file.
    fn download(&self) -> (String, Vec<u8>) {
        let page = self.send("GET", "/parcel", "", b"").expect(200).body;
        let boxes = page.split(" name=\"to-").skip(1);
        let ticked: String = boxes
            .map(|rest| format!("&to-{}=1", rest.split('"').next().unwrap()))
            .collect();
        let form = format!("csrf={}{ticked}", hidden(&page, "csrf"));
        let kind = "application/x-www-form-urlencoded";
        let (status, headers, bytes) =
            self.http
                .fetch("POST", "/parcel/write", &self.headers(kind), form.as_bytes());
        assert_eq!(status, 200, "{}", String::from_utf8_lossy(&bytes));
        let named = headers
            .into_iter()
            .find(|(name, _)| name == "content-disposition");
        (named.unwrap().1, bytes)
    }

    fn upload(&self, bytes: &[u8]) -> Answer {
        let page = self.send("GET", "/parcel", "", b"");
        let csrf = if page.status == 200 {
            hidden(&page.body, "csrf")
        } else {
            hidden(&self.home(), "csrf")
        };
        let mut body = format!(
            "--edge\r\nContent-Disposition: form-data; name=\"csrf\"\r\n\r\n{csrf}\r\n--edge\r\n\
             Content-Disposition: form-data; name=\"file\"; filename=\"a.chaski\"\r\n\r\n"
        )
        .into_bytes();
        body.extend(bytes);
        body.extend(b"\r\n--edge--\r\n");
        self.send(
            "POST",
            "/parcel/read",
            "multipart/form-data; boundary=edge",
            &body,
        )
    }

    fn home(&self) -> String {
        self.send("GET", "/", "", b"").expect(200).body
    }
}

pub(crate) fn hidden(page: &str, name: &str) -> String {
    let mark = format!("name=\"{name}\" value=\"");
    let rest = page.split(&mark).nth(1).unwrap();
    rest.split('"').next().unwrap().to_owned()
}

const WHO_MAY: [&str; 2] = ["administrator", "clinician"];

#[test]
fn two_served_nodes_with_no_link_hold_the_same_through_their_pages() {
    let (a, b) = two_clinics();
    let (file, records) = people(&a, 11, PEOPLE);
    a.import(&[file]);
    // They must not find each other: one is served after the other.
    let (name, parcel) = {
        let served = a.serve();
        let visitor = Visitor::sign_in(&served, &WHO_MAY);
        assert!(visitor.home().contains("href=\"/parcel\""));
        visitor.download()
    };
    assert!(
        name.starts_with("attachment; filename=\"Clinic-A-to-Clinic-B-2") && name.ends_with(".chaski\""),
        "{name}"
    );
    let kept = a.home.path().join("downloaded");
    std::fs::write(&kept, &parcel).unwrap();
    assert_tells_nothing(&kept, &records);

    let served = b.serve();
    let visitor = Visitor::sign_in(&served, &WHO_MAY);
    let cut = visitor.upload(&parcel[..parcel.len() - 5]).expect(422).body;
    assert!(
        cut.contains("its end is missing") && cut.contains("a good copy"),
        "{cut}"
    );
    let taken = visitor.upload(&parcel).expect(200).body;
    assert!(taken.contains("The file from Clinic A was read"), "{taken}");
    assert!(
        taken.contains("This site now holds what Clinic A held then."),
        "{taken}"
    );
    drop(served);
    assert_eq!(a.export(), b.export());

    // Back again, only what is new.
    let patient = json!({"resourceType": "Patient", "gender": "female", "name": [{"family": "Mamani"}]});
    b.put(&patient).ok();
    let (_, back) = {
        let served = b.serve();
        Visitor::sign_in(&served, &WHO_MAY).download()
    };
    assert!(
        back.len() * 4 < parcel.len(),
        "{} of {}",
        back.len(),
        parcel.len()
    );
    let served = a.serve();
    let visitor = Visitor::sign_in(&served, &WHO_MAY);
    let taken = visitor.upload(&back).expect(200).body;
    assert!(
        taken.contains("This site now holds what Clinic B held then."),
        "{taken}"
    );
    drop(served);
    assert_eq!(a.export(), b.export());
}

#[test]
fn a_wrong_file_on_the_page_is_told_and_changes_nothing() {
    let (a, b) = two_clinics();
    let (file, _) = people(&a, 13, 1);
    a.import(&[file]);
    let path = a.home.path().join("b.chaski");
    write(&a, &path, &[]);
    let parcel = std::fs::read(&path).unwrap();

    let served = b.serve();
    let visitor = Visitor::sign_in(&served, &WHO_MAY);
    // As long as a film, and none of it fits a form.
    let film = vec![7; 20 << 20];
    assert!(
        visitor
            .upload(&film)
            .expect(422)
            .body
            .contains("no file of another site")
    );
    assert!(visitor.upload(b"").expect(422).body.contains("The file is empty"));
    let clinician = Visitor::sign_in(&served, &["clinician"]);
    assert!(!clinician.home().contains("/parcel"));
    // Whatever it is: nothing of it is looked at.
    for file in [parcel.as_slice(), b"a letter"] {
        clinician.upload(file).expect(403);
    }
    let nobody = Visitor {
        http: Http::new(&served.base(), ""),
        cookies: String::new(),
    };
    let answer = nobody.send(
        "POST",
        "/parcel/read",
        "multipart/form-data; boundary=edge",
        &parcel,
    );
    assert_eq!(answer.expect(303).header("location"), Some("/login?next=/parcel"));
    assert_eq!(b.status()["records"], json!(0));
    drop(served);

    let elsewhere = Site::init("Elsewhere");
    let served = elsewhere.serve();
    let visitor = Visitor::sign_in(&served, &WHO_MAY);
    assert!(
        visitor
            .upload(&parcel)
            .expect(422)
            .body
            .contains("of another network")
    );
    let page = visitor.send("GET", "/parcel", "", b"").expect(200).body;
    assert!(page.contains("no other site yet"), "{page}");
    drop(served);

    let served = a.serve();
    let visitor = Visitor::sign_in(&served, &WHO_MAY);
    assert!(
        visitor
            .upload(&parcel)
            .expect(422)
            .body
            .contains("This site wrote the file itself")
    );
}

#[test]
fn a_page_says_that_the_disk_is_full_and_still_sends() {
    let (a, b) = two_clinics();
    let (file, _) = people(&a, 17, 1);
    a.import(&[file]);
    let path = a.home.path().join("b.chaski");
    write(&a, &path, &[]);
    let parcel = std::fs::read(&path).unwrap();
    // More than is free of any disk, less than would stop the node's own upkeep.
    let home = b.home.path().to_str().unwrap();
    let df = Command::new("df").args(["-m", "--output=avail", home]).output();
    let said = String::from_utf8(df.unwrap().stdout).unwrap();
    let free_mb: u64 = said.lines().last().unwrap().trim().parse().unwrap();
    let http = format!("127.0.0.1:{}", b.http);
    let mut serve = b.command(&["serve", "--http", &http, "--quic", "127.0.0.1:0"]);
    serve.env("CHASKI_DISK_FLOOR_MB", (free_mb * 2).to_string());
    let served = Served {
        site: &b,
        child: Running::start(serve),
    };
    served.child.wait_for_port(b.http);
    let visitor = Visitor::sign_in(&served, &WHO_MAY);
    let full = visitor.upload(&parcel).expect(507).body;
    assert!(
        full.contains("The disk is nearly full") && full.contains("take the same file in again"),
        "{full}"
    );
    assert_eq!(b.status()["records"], json!(0));
    let (_, sent) = visitor.download();
    std::fs::write(&path, &sent).unwrap();
    let taken = read(&a, &path).ok().json();
    assert_eq!(taken["name"], json!("Clinic B"), "{taken}");
}
