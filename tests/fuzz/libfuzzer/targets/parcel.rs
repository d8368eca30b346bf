//! The target `parcel` under libFuzzer.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| chaski_fuzz::parcel(bytes));
