//! Who is left out of a file for all.

use chaski_store::NodeId;

use super::left_out;
use crate::grants::tests::{DAY_MS, NOW_MS, peer};

#[test]
fn whose_grant_is_over_is_named_as_left_out_and_the_revoked_are_not() {
    let of = |name: &str, ends_ms: Option<u64>| peer(NodeId([name.as_bytes()[0]; 32]), name, ends_ms, 0);
    let mut gone = of("gone", Some(NOW_MS - DAY_MS));
    gone.revoked = true;
    let infos = vec![
        of("ever", None),
        of("good", Some(NOW_MS + DAY_MS)),
        of("over", Some(NOW_MS)),
        of("none", Some(0)),
        gone,
    ];
    let names: Vec<String> = left_out(infos, NOW_MS).into_iter().map(|one| one.name).collect();
    assert_eq!(names, ["over", "none"]);
}
