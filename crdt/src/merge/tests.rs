//! What a report comes to.

use super::*;

#[test]
fn a_record_is_another_one_where_something_was_accepted_or_fell_out() {
    let some = || vec![ChangeHash([1; 32])];
    let report = |accepted: bool, forked: bool| MergeReport {
        accepted: if accepted { some() } else { vec![] },
        forked: if forked { some() } else { vec![] },
        duplicates: some(),
        ..MergeReport::default()
    };
    for (accepted, forked) in [(false, false), (true, false), (false, true), (true, true)] {
        assert_eq!(report(accepted, forked).is_changed(), accepted || forked);
    }
    assert!(!MergeReport::default().is_changed());
}
