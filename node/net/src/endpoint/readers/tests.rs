//! In which order reads are taken.

use std::sync::Arc;

use super::{Reader, Waiting};
use crate::read::{Length, Read, ReadJob, Size};

fn job(session: u64, length: Length) -> ReadJob {
    ReadJob {
        session,
        is_over: Arc::default(),
        length,
        is_after_kept: false,
        size: Size { bytes: 1, ratio: 1 },
        read: Read::Known(Vec::new()),
    }
}

#[test]
fn no_whole_store_holds_up_what_is_small_and_nothing_waits_for_ever() {
    let all = [
        (1, Length::Whole),
        (2, Length::Long),
        (3, Length::Small),
        (4, Length::Small),
        (5, Length::Whole),
    ];
    for (reader, order) in [
        (Reader::Quick, vec![3, 4, 2]),
        (Reader::Patient, vec![1, 5, 2, 3, 4]),
    ] {
        let mut waiting = Waiting::default();
        for (session, length) in all {
            waiting.of(length).push_back(job(session, length));
        }
        let taken = std::iter::from_fn(|| waiting.take(reader)).map(|job| job.session);
        assert_eq!(taken.collect::<Vec<_>>(), order);
    }
}
