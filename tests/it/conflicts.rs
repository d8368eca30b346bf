//! Deciding a conflict at the command line: from the list that was read, or not at all.

use chaski_tests::chaski::two_clinics;
use serde_json::{Value, json};

const ALLERGY: &str = "AllergyIntolerance/0190f5a0-0000-7000-8000-00000000c00a";

fn allergy(criticality: &str) -> Value {
    json!({
        "resourceType": "AllergyIntolerance", "id": ALLERGY.split_once('/').unwrap().1,
        "patient": {"display": "Inés"}, "code": {"text": "Penicillin"}, "criticality": criticality,
    })
}

#[test]
fn a_decision_names_the_list_it_was_read_from() {
    let (a, b) = two_clinics();
    a.put(&allergy("unable-to-assess")).ok();
    let served = a.serve();
    assert_eq!(b.sync(&served).0, 0);
    for (site, criticality) in [(&a, "low"), (&b, "high")] {
        let mut read = site.read(ALLERGY);
        read["criticality"] = json!(criticality);
        site.put(&read).ok();
    }
    assert_eq!(b.sync(&served).0, 0);

    let listed = a.conflicts()[0].clone();
    let version = listed["version"].as_str().unwrap();
    let path = listed["path"].as_str().unwrap();
    assert_eq!(listed["record"], ALLERGY, "{listed}");
    assert!(a.run(&["conflicts"]).ok().out.contains(version));

    // Meanwhile a colleague writes to the record.
    let mut read = a.read(ALLERGY);
    assert_eq!(read["meta"]["versionId"], version);
    read["note"] = json!([{"text": "seen again in March"}]);
    a.put(&read).ok();
    let said = a
        .run(&["resolve", ALLERGY, path, "--pick", "1", "--if-match", version])
        .expect(1);
    assert!(
        said.err.contains(ALLERGY) && said.err.contains("list them again"),
        "{said:?}"
    );
    assert_eq!(a.conflicts()[0]["values"], listed["values"]);

    // As listed now it is taken: here by the directory itself, above by the node that serves it.
    drop(served);
    let listed = a.conflicts()[0].clone();
    let version = listed["version"].as_str().unwrap();
    a.run(&["resolve", ALLERGY, path, "--pick", "2", "--if-match", version])
        .ok();
    let picked = &listed["values"][1]["value"]["criticality"];
    assert_eq!(&a.read(ALLERGY)["criticality"], picked);
    assert_eq!(a.conflicts(), json!([]));
    let said = a
        .run(&["resolve", ALLERGY, path, "--pick", "2", "--if-match", version])
        .expect(1);
    assert!(said.err.contains("no open conflict"), "{said:?}");
}
