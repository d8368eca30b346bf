use crate::switch::Switch;
use crate::{faults, points, weave};

fn switches(text: &str) -> Vec<Switch> {
    points::of_file("crdt", "crdt/src/a.rs", text).unwrap()
}

fn woven(text: &str, switches: &[Switch]) -> weave::Woven {
    let numbered: Vec<(u32, &Switch)> = (0..).zip(switches).collect();
    weave::weave(text, &numbered)
}

const GUARDED: &str = "
impl Door {
    fn open(&self, who: &Who) -> Result<bool, Denied> {
        self.audit(who)?;
        if who.role < 3 && !who.gone {
            return Ok(true);
        }
        Ok(matches!(who.role, 3))
    }
}
";

#[test]
fn what_could_be_forgotten_is_proposed() {
    let said: Vec<String> = switches(GUARDED).iter().map(Switch::key).collect();
    for expected in [
        "the body → Ok(true)",
        "the body → Ok(false)",
        "self.audit(who)?; → (nothing)",
        "who.role < 3 && !who.gone → false",
        "who.role < 3 && !who.gone → who.role < 3 || !who.gone",
        "who.role < 3 → who.role <= 3",
        "!who.gone → who.gone",
    ] {
        let key = format!("crdt/src/a.rs · Door::open · {expected}");
        assert!(said.contains(&key), "{key} is not among {said:#?}");
    }
}

#[test]
fn tests_constants_and_patterns_are_left_alone() {
    let text = "
const LIMIT: usize = 3 + 4;
const fn twice(a: usize) -> usize { a + a }
static TABLE: [u8; 2 + 2] = [0; 2 + 2];
#[cfg(test)]
mod tests { fn add(a: u8) -> u8 { a + 1 } }
#[test]
fn holds() { assert!(1 < 2); }
fn name(a: u8) { match a { 0 | 1 => {} -1..=2 => {} } }
";
    let said: Vec<String> = switches(text).iter().map(Switch::key).collect();
    assert_eq!(said, ["crdt/src/a.rs · name · the body → ()"]);
}

#[test]
fn woven_text_is_rust_and_nests() {
    let all = switches(GUARDED);
    let woven = woven(GUARDED, &all);
    assert!(woven.crossing.is_empty());
    syn::parse_file(&woven.text).unwrap_or_else(|error| panic!("{error}: {}", woven.text));
    for id in 0..all.len() {
        let count = woven.text.matches(&format!("on({id})")).count();
        assert_eq!(count, 1, "switch {id} stands {count} times in {}", woven.text);
    }
}

#[test]
fn without_switches_the_text_is_the_same() {
    assert_eq!(woven(GUARDED, &[]).text, GUARDED);
}

#[test]
fn the_compiler_s_complaint_finds_its_switch() {
    let all = switches(GUARDED);
    let woven = woven(GUARDED, &all);
    let id = (0u32..)
        .zip(&all)
        .find(|(_, switch)| switch.replacement == "Ok(true)")
        .unwrap()
        .0;
    let place = woven.text.find("return Ok(true); } ").unwrap() + "return ".len();
    assert_eq!(woven.blamed(&(place..place + 2)), [id]);
}

#[test]
fn equal_faults_of_a_function_are_told_apart_without_their_lines() {
    let text = "fn f(a: bool) -> u8 { if !a { 1 } else if !a { 2 } else { 3 } }";
    let said: Vec<String> = switches(text).iter().map(Switch::key).collect();
    assert!(
        said.contains(&"crdt/src/a.rs · f · !a → a".to_owned()),
        "{said:?}"
    );
    assert!(
        said.contains(&"crdt/src/a.rs · f · !a → a #2".to_owned()),
        "{said:?}"
    );
    let moved: Vec<String> = switches(&format!("\n\n{text}")).iter().map(Switch::key).collect();
    assert_eq!(said, moved);
}

#[test]
fn a_fault_by_hand_must_stand_where_it_says() {
    let top = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(top.path().join("crdt/src")).unwrap();
    std::fs::write(top.path().join("crdt/src/a.rs"), GUARDED).unwrap();
    let list = top.path().join("faults.toml");
    let entry = |id: &str, old: &str, new: &str| {
        format!("[[fault]]\nid = \"{id}\"\nfile = \"crdt/src/a.rs\"\nold = '''{old}'''\nnew = '''{new}'''\n")
    };
    let text = [
        entry("no-audit", "self.audit(who)?;", ""),
        entry("anybody", "who.role < 3 && !who.gone", "true"),
        entry("twice", "who.role", "1"),
        entry("nowhere", "no such text", "1"),
    ];
    std::fs::write(&list, text.concat()).unwrap();
    let read = faults::read(top.path(), &list).unwrap();
    assert_eq!(read.left_out, 2);
    let found = read.switches;
    let names: Vec<&str> = found.iter().map(|switch| switch.function.as_str()).collect();
    assert_eq!(names, ["no-audit", "anybody"]);
    syn::parse_file(&woven(GUARDED, &found).text).unwrap();
}
