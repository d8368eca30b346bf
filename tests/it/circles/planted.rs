//! Circles planted in small packages are found, however the import is written; what is none is not.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::sources::Package;
use super::{circles, told};

/// The circles of a package, each as its files' names.
fn found(files: &[(&str, &str)]) -> Vec<String> {
    let files: BTreeMap<PathBuf, String> = files
        .iter()
        .map(|(path, text)| (PathBuf::from(path), (*text).to_owned()))
        .collect();
    let names = |circle: super::Circle| {
        let names: Vec<String> = circle
            .files
            .iter()
            .map(|file| file.display().to_string())
            .collect();
        names.join(" ")
    };
    circles(&Package::read(&files).imports())
        .into_iter()
        .map(names)
        .collect()
}

const TWO: &str = "mod a; mod b;";

#[test]
fn two_files_that_need_each_other_are_a_circle_however_it_is_written() {
    let a = "pub struct A(crate::b::B);";
    for b in [
        "use crate::a::A; pub struct B(A);",
        "use super::a::A; pub struct B(A);",
        "use crate::{a::{self, A as Other}, c::C}; pub struct B(Other);",
        "pub struct B; fn f() -> super::a::A {}",
        "pub struct B; fn f() { use crate::a; let it = a::A; }",
        "use crate::a as other; pub struct B(Vec<other::A>);",
        "pub use crate::a::A; pub struct B;",
        "use crate::a::*; pub struct B(A);",
        "use super::*; pub struct B(a::A);",
        "pub struct B; fn f() { g(0..crate::a::A) }",
        "pub struct B; mod inner { pub struct C(super::super::a::A); }",
        "pub struct B; #[serde(with = \"crate::a::A\")] struct C;",
        "pub struct B; macro_rules! m { () => { $crate::a::A } }",
        "pub struct B; #[cfg(not(test))] use crate::a::A;",
        "pub struct B; #[cfg(test)] use std::fmt; use crate::a::A;",
        "pub struct B { #[cfg(test)] seen: u8, a: crate::a::A }",
        "pub struct B; #[cfg(test)] pub(crate) fn f(x: [u8; 2]) -> u8 { } use crate::a::A;",
        "pub struct B; const Q: char = '\"'; use crate::a::A; const R: char = '\"';",
        "pub struct B; const Q: &str = r#\"\"#; fn f<'a>(a: &'a crate::a::A) {}",
        "pub struct B; use crate::a::made_by_a_macro;",
    ] {
        assert_eq!(
            found(&[("lib.rs", TWO), ("a.rs", a), ("b.rs", b)]),
            ["a.rs b.rs"],
            "{b}"
        );
    }
}

#[test]
fn what_is_no_import_makes_no_circle() {
    let a = "pub struct A(crate::b::B); pub mod inner { pub struct Inner; }";
    for b in [
        "pub struct B;",
        "pub struct B; // crate::a::A",
        "pub struct B; /* crate::a::A /* */ use crate::a::A; */",
        "pub struct B; const X: &str = \"crate::a::A\";",
        "pub struct B; #[cfg(test)] mod tests { use crate::a::A; }",
        "pub struct B; #[cfg(test)] use crate::a::A;",
        "pub struct B; #[cfg(all(test, unix))] impl B { fn f(self) -> crate::a::A {} }",
        "pub struct B; #[cfg(test)] mod tests;",
        "pub struct B; fn f(a: &str) { a.a::<u8>() }",
        "use a::A; pub struct B(A);",
    ] {
        let tests = ("b/tests.rs", "use crate::a::A;");
        let none: [&str; 0] = [];
        assert_eq!(
            found(&[("lib.rs", TWO), ("a.rs", a), ("b.rs", b), tests]),
            none,
            "{b}"
        );
    }
}

#[test]
fn a_child_that_needs_its_parents_type_while_the_parent_needs_the_child_is_a_circle() {
    let top = ("lib.rs", "mod a;");
    let child = ("a/b.rs", "use super::A; pub struct B; impl A { fn b(&self) {} }");
    assert_eq!(
        found(&[top, ("a.rs", "mod b; pub struct A(b::B);"), child]),
        ["a/b.rs a.rs"]
    );
    assert_eq!(
        found(&[top, ("a/mod.rs", "mod b; use b::B; pub struct A(B);"), child]),
        ["a/b.rs a/mod.rs"]
    );
    assert_eq!(
        found(&[top, ("a.rs", "mod b; pub use b::B; pub struct A;"), child]),
        ["a/b.rs a.rs"]
    );
    // To name one's child is no import.
    assert!(found(&[top, ("a.rs", "mod b; pub struct A;"), child]).is_empty());
}

#[test]
fn an_import_leads_to_the_file_that_defines_whoever_passes_it_on() {
    let top = ("lib.rs", "mod a; mod b; mod c; pub use a::A; pub use b::*;");
    let a = ("a.rs", "use crate::c; pub struct A(c::C);");
    let b = ("b.rs", "pub(crate) use crate::a::A as Passed; pub struct B;");
    let c = ("c.rs", "pub use crate::Passed; pub struct C;");
    assert_eq!(found(&[top, a, b, c]), ["a.rs c.rs"]);
    // The top passes on what others define, and needs nobody's leave to be passed through.
    assert!(found(&[top, ("a.rs", "pub struct A;"), b, c]).is_empty());
}

#[test]
fn a_function_named_as_its_module_is_found_in_it() {
    let top = ("lib.rs", "mod a; mod b; pub use a::a;");
    let b = ("b.rs", "pub fn b() { crate::a() }");
    assert_eq!(
        found(&[top, ("a.rs", "pub fn a() { super::b::b() }"), b]),
        ["a.rs b.rs"]
    );
}

#[test]
fn a_circle_of_three_is_told_with_the_imports_that_close_it() {
    let files = [
        ("main.rs", "mod a; mod b; mod c; fn main() { a::a() }"),
        ("a.rs", "\nuse crate::b::B;\npub fn a(b: B) {}"),
        ("b.rs", "pub struct B(crate::c::C);"),
        ("c.rs", "pub struct C; fn f() { super::a::a() }"),
    ];
    assert_eq!(found(&files), ["a.rs b.rs c.rs"]);
    let files = files.map(|(path, text)| (PathBuf::from(path), text.to_owned()));
    let text = told("the/package", &circles(&Package::read(&files.into()).imports()));
    assert_eq!(
        text,
        "the/package: a circle of 3 files: a.rs, b.rs, c.rs\n    \
         a.rs needs of b.rs: crate::b::B (line 2)\n    \
         b.rs needs of c.rs: crate::c::C (line 1)\n    \
         c.rs needs of a.rs: super::a::a (line 1)\n"
    );
}
