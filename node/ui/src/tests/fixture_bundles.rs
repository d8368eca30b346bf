//! Bundles in memory. What is in a file is its text: `whole`, `gap`, `cut` and so on.

use std::io::{Read, Write};
use std::sync::Mutex;

use chaski_clinic::{Caller, Role};

use super::super::ui::*;
use super::NOW_MS;

#[derive(Default)]
pub struct FixtureBundles {
    /// Nobody to write for.
    pub alone: bool,
    /// The store fails in the midst of writing.
    pub fails_late: bool,
    pub written: Mutex<Vec<BundleWanted>>,
}

/// The longest name there is, without a place to break it.
pub const LONG_NAME: &str = "EstablecimientoDeSaludInterculturalDeLaComunidadAutonoma61234";

fn ask(caller: &Caller) -> Result<(), BundleFailure> {
    let may = caller.roles().has(Role::Administrator);
    may.then_some(()).ok_or(BundleFailure::Denied)
}

impl FixtureBundles {
    /// More than waits in any channel.
    pub const LARGE_BYTES: usize = 3_000_000;
}

impl Bundles for FixtureBundles {
    fn bundle_recipients(&self) -> Result<Vec<BundleRecipient>, BundleFailure> {
        let names = [
            ("a1b2", "Mobile team"),
            ("c3d4", "Regional hub"),
            ("e5f6", "عيادة الواحة"),
        ];
        let recipient = |(key, name): (&str, &str)| BundleRecipient {
            key: key.into(),
            name: name.into(),
            mark: None,
            is_over: false,
        };
        let over = ["d00d", "beef"].map(|key| BundleRecipient {
            mark: Some(key.into()),
            is_over: true,
            ..recipient((key, LONG_NAME))
        });
        let names = names.into_iter().filter(|_| !self.alone);
        Ok(names.map(recipient).chain(over).collect())
    }

    fn bundle_write(
        &self,
        caller: &Caller,
        wanted: &BundleWanted,
        out: &mut dyn Write,
    ) -> Result<BundleWritten, BundleFailure> {
        ask(caller)?;
        if wanted.to.iter().any(|key| key == "revoked") {
            return Err(BundleFailure::Recipients);
        }
        self.written.lock().unwrap().push(wanted.clone());
        let text = format!("sealed for {} all={}", wanted.to.join(" "), wanted.all);
        let failed = |_| BundleFailure::Interrupted;
        out.write_all(text.as_bytes()).map_err(failed)?;
        for piece in vec![b'.'; Self::LARGE_BYTES].chunks(10_000) {
            out.write_all(piece).map_err(failed)?;
        }
        if self.fails_late {
            return Err(BundleFailure::Internal("abc".into()));
        }
        out.flush().map_err(failed)?;
        Ok(BundleWritten {
            to: vec!["Mobile team".into()],
            records: if wanted.all { 1_204 } else { 0 },
        })
    }

    fn bundle_read(&self, caller: &Caller, file: &mut dyn Read) -> Result<BundleTaken, BundleFailure> {
        ask(caller)?;
        let mut kind = [0; 8];
        file.read_exact(&mut kind)
            .map_err(|_| BundleFailure::Interrupted)?;
        let from = || "Regional hub".to_owned();
        let taken = BundleTaken {
            from: from(),
            made_ms: NOW_MS - 86_400_000,
            records: 12_345,
            changes: 23_456,
            new_records: 42,
            in_sync: true,
            ..BundleTaken::default()
        };
        let taken = match String::from_utf8_lossy(&kind).trim() {
            "whole" => taken,
            "gap" => BundleTaken {
                in_sync: false,
                gap: true,
                ..taken
            },
            "older" => BundleTaken {
                in_sync: false,
                ..taken
            },
            "refused" => BundleTaken { refused: 1, ..taken },
            "setaside" => BundleTaken {
                quarantined: 1,
                ..taken
            },
            "waiting" => BundleTaken {
                in_sync: false,
                awaiting: 3,
                ..taken
            },
            "bad" => BundleTaken {
                in_sync: false,
                refused: 1,
                quarantined: 2,
                problems: vec!["Patient/p9: made by no member".into()],
                ..taken
            },
            "cut" => BundleTaken {
                in_sync: false,
                fault: Some(FileFault::Cut),
                ..taken
            },
            "own" => return Err(BundleFailure::File(FileFault::Own)),
            "not for" => return Err(BundleFailure::File(FileFault::NotForThisNode)),
            "network" => return Err(BundleFailure::File(FileFault::OtherNetwork)),
            "revoked" => return Err(BundleFailure::Revoked(from())),
            "awaiting" => return Err(BundleFailure::Awaiting),
            "full" => return Err(BundleFailure::DiskFull),
            "fault" => return Err(BundleFailure::Internal("abc".into())),
            _ => return Err(BundleFailure::File(FileFault::NotABundle)),
        };
        let rest = std::io::copy(file, &mut std::io::sink()).map_err(|_| BundleFailure::Interrupted)?;
        Ok(BundleTaken {
            records: taken.records.saturating_add(rest),
            ..taken
        })
    }
}
