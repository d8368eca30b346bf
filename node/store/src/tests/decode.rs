//! Whatever bytes a row holds, reading it is an error and not a panic.

use proptest::prelude::*;

use crate::{feed, index::EntryView, row::RowHead, scope::ScopeRow, state::State};

proptest! {
    #[test]
    fn rows_of_any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..600), version in 0u8..3) {
        let mut led = vec![version];
        led.extend(&bytes);
        for bytes in [&bytes, &led] {
            let _ = State::from_bytes(bytes);
            let _ = ScopeRow::from_bytes(bytes);
            let _ = feed::decode(bytes);
            let _ = RowHead::decode(bytes);
            let _ = crate::remote::Waiting::decode(bytes);
            let _ = crate::remote::awaiting_count(bytes);
            let _ = crate::doctor::closing::Closing::from_bytes(bytes, &[0; 32]);
            let mut rest = bytes.as_slice();
            while let Some((entry, after)) = EntryView::next(rest) {
                let _ = (entry.id(), entry.last_updated_ms(), entry.posted().count(), entry.values(&[(1, "date")]));
                prop_assert!(after.len() < rest.len());
                rest = after;
            }
        }
    }
}
