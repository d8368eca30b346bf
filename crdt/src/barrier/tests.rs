use super::*;

/// A panic of somebody else's is told by whoever tells panics, before and after one that was caught here.
#[test]
fn only_what_runs_behind_the_barrier_is_behind_it() {
    let is_behind = || BEHIND_BARRIER.get();
    assert!(!is_behind());
    assert_eq!(barrier(is_behind), Some(true));
    assert!(!is_behind());
    let fails = || -> u8 { panic!("not printed") };
    assert_eq!(barrier(fails), None);
    assert!(!is_behind());
    let nested = barrier(|| {
        let before = barrier(|| 1);
        let still = is_behind();
        let caught = barrier(fails);
        (before, still, caught, is_behind())
    });
    assert_eq!(nested, Some((Some(1), true, None, true)));
    assert!(!is_behind());
}
