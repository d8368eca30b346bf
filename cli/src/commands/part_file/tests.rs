use std::io::Write;

use super::*;

#[test]
fn what_lies_beside_is_left_and_what_is_not_finished_is_removed() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("x");
    let names = || {
        let mut names: Vec<String> = std::fs::read_dir(home.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    };
    // Another's file of the old temporary name, and a folder of the new one.
    std::fs::write(home.path().join("x.part"), "mine").unwrap();
    let taken = format!("x.{}-0.part", std::process::id());
    std::fs::create_dir(home.path().join(&taken)).unwrap();
    let (part, mut file) = PartFile::create(&path).unwrap();
    assert_eq!(names().len(), 3);
    drop(part);
    assert_eq!(
        names(),
        [taken.clone(), "x.part".to_owned()],
        "it was not finished"
    );

    let (part, mut other) = PartFile::create(&path).unwrap();
    write!(file, "lost").unwrap();
    write!(other, "whole").unwrap();
    part.place(&other).unwrap();
    assert_eq!(names(), ["x".to_owned(), taken, "x.part".to_owned()]);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "whole");
    assert_eq!(
        std::fs::read_to_string(home.path().join("x.part")).unwrap(),
        "mine"
    );

    let nowhere = home.path().join("none").join("x");
    let refused = PartFile::create(&nowhere).err().unwrap().to_string();
    assert!(
        refused.contains("making ") && refused.contains(".part"),
        "{refused}"
    );
}
