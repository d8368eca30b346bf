//! What an operator is told of an import: counts, each refusal by name, and how it ended.

use std::process::Stdio;

use chaski_tests::chaski::{Said, Site};
use serde_json::Value;

fn patient(number: usize, gender: &str) -> String {
    format!(r#"{{"resourceType":"Patient","id":"0190f5a0-0000-7000-8000-{number:012}","gender":"{gender}"}}"#)
}

fn lines(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn every_refusal_is_named_though_the_screen_lists_a_hundred() {
    let site = Site::init("Clinic A");
    let file = site.home.path().join("bad.ndjson");
    let mut bad: Vec<String> = (0..150).map(|number| patient(number, "f")).collect();
    bad.push(patient(900, "female"));
    bad.push(
        r#"{"resourceType":"AllergyIntolerance","id":"0190f5a0-0000-7000-8000-000000000901","identifier":[{"system":"a b","value":"1"}],"patient":{"reference":"Patient/0190f5a0-0000-7000-8000-000000000900"},"recorder":{"reference":"Practitioner/nobody"},"code":{"text":"x"}}"#
            .to_owned(),
    );
    std::fs::write(&file, bad.join("\n")).unwrap();
    let file = file.to_str().unwrap();
    let said = site.run(&["import", file]).expect(1);
    assert!(
        said.out.contains("2 new") && said.out.contains("150 refused"),
        "{said:?}"
    );
    assert!(
        said.out
            .contains("1 people; by kind: 1 AllergyIntolerance, 1 Patient"),
        "{said:?}"
    );
    assert!(
        said.out
            .contains("1 references lead to a record here, 1 name nobody here; 1 records"),
        "{said:?}"
    );
    assert!(
        said.err.contains("50 refused more") || said.err.contains("50 refused: --report"),
        "{said:?}"
    );
    assert_eq!(said.err.matches("Patient.gender").count(), 100, "{said:?}");

    // All of them in a file, and in the answer.
    let report = site.home.path().join("report.ndjson");
    let args = ["import", "--json", "--report", report.to_str().unwrap(), file];
    let told = site.run(&args).expect(1).json();
    assert_eq!(told["report"], report.to_str().unwrap());
    let all = lines(&std::fs::read_to_string(&report).unwrap());
    let told_all = site.run(&["import", "--json", file]).expect(1).json();
    assert_eq!(told_all["problems"].as_array().unwrap(), &all);
    let of = |what: &str| all.iter().filter(|line| line["what"] == what).count();
    assert_eq!(
        (of("refused"), of("marked"), of("dangling")),
        (150, 1, 1),
        "{all:?}"
    );
    let refused = all.iter().find(|line| line["line"] == 7).unwrap();
    assert_eq!(
        (&refused["kind"], &refused["file"]),
        (&"Patient".into(), &file.into())
    );
    assert_eq!(refused["id"], "0190f5a0-0000-7000-8000-000000000006");
    assert!(
        refused["reason"].as_str().unwrap().contains("gender"),
        "{refused}"
    );
    let strict = site.run(&["import", "--strict", "--json", file]).expect(1).json();
    assert_eq!((&strict["rejected"], &strict["marked"]), (&151.into(), &0.into()));
}

/// Standard input is read to its end before anything is written, and nothing of it is left in the directory.
#[test]
fn standard_input_is_taken_in_two_passes_and_leaves_nothing() {
    let site = Site::init("Clinic A");
    let condition = r#"{"resourceType":"Condition","id":"0190f5a0-0000-7000-8000-000000000901","code":{"text":"x"},"subject":{"reference":"Patient/0190f5a0-0000-7000-8000-000000000007"}}"#;
    let said = |text: String| -> Said {
        let mut command = site.command(&["import", "--json", "-"]);
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        use std::io::Write;
        child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        child.wait_with_output().unwrap().into()
    };
    let names = || {
        let mut names: Vec<_> = std::fs::read_dir(site.data())
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .filter(|name| name != "closing")
            .collect();
        names.sort();
        names
    };
    let before = names();
    // The patient comes after what is about them, and is refused.
    let refused = said(format!("\u{feff}{condition}\n{}\n", patient(7, "f")))
        .expect(1)
        .json();
    assert_eq!(
        (&refused["rejected"], &refused["dangling"]),
        (&2.into(), &1.into()),
        "{refused}"
    );
    let taken = said(format!("{condition}\n{}\n", patient(7, "female")))
        .ok()
        .json();
    assert_eq!(
        (&taken["created"], &taken["links"]),
        (&2.into(), &1.into()),
        "{taken}"
    );
    assert_eq!(names(), before);
}
