//! Parcels in memory. What is in a file is its text: `whole`, `gap`, `cut` and so on.

use std::io::{Read, Write};
use std::sync::Mutex;

use chaski_clinic::{Caller, Role};

use super::super::ui::*;
use super::NOW_MS;

#[derive(Default)]
pub struct FixtureParcels {
    /// Nobody to write for.
    pub alone: bool,
    /// The store fails in the midst of writing.
    pub fails_late: bool,
    pub written: Mutex<Vec<ParcelWanted>>,
}

/// The longest name there is, without a place to break it.
pub const LONG_NAME: &str = "EstablecimientoDeSaludInterculturalDeLaComunidadAutonoma61234";

fn ask(caller: &Caller) -> Result<(), ParcelFailure> {
    let may = caller.roles().has(Role::Administrator);
    may.then_some(()).ok_or(ParcelFailure::Denied)
}

impl FixtureParcels {
    /// More than waits in any channel.
    pub const LARGE_BYTES: usize = 3_000_000;
}

impl Parcels for FixtureParcels {
    fn parcel_recipients(&self) -> Result<Vec<ParcelRecipient>, ParcelFailure> {
        let names = [
            ("a1b2", "Mobile team"),
            ("c3d4", "Regional hub"),
            ("e5f6", "عيادة الواحة"),
        ];
        let recipient = |(key, name): (&str, &str)| ParcelRecipient {
            key: key.into(),
            name: name.into(),
            mark: None,
            is_over: false,
        };
        let over = ["d00d", "beef"].map(|key| ParcelRecipient {
            mark: Some(key.into()),
            is_over: true,
            ..recipient((key, LONG_NAME))
        });
        let names = names.into_iter().filter(|_| !self.alone);
        Ok(names.map(recipient).chain(over).collect())
    }

    fn parcel_write(
        &self,
        caller: &Caller,
        wanted: &ParcelWanted,
        out: &mut dyn Write,
    ) -> Result<ParcelWritten, ParcelFailure> {
        ask(caller)?;
        if wanted.to.iter().any(|key| key == "revoked") {
            return Err(ParcelFailure::Recipients);
        }
        self.written.lock().unwrap().push(wanted.clone());
        let text = format!("sealed for {} all={}", wanted.to.join(" "), wanted.all);
        let failed = |_| ParcelFailure::Interrupted;
        out.write_all(text.as_bytes()).map_err(failed)?;
        for piece in vec![b'.'; Self::LARGE_BYTES].chunks(10_000) {
            out.write_all(piece).map_err(failed)?;
        }
        if self.fails_late {
            return Err(ParcelFailure::Internal("abc".into()));
        }
        out.flush().map_err(failed)?;
        Ok(ParcelWritten {
            to: vec!["Mobile team".into()],
            records: if wanted.all { 1_204 } else { 0 },
        })
    }

    fn parcel_read(&self, caller: &Caller, file: &mut dyn Read) -> Result<ParcelTaken, ParcelFailure> {
        ask(caller)?;
        let mut kind = [0; 8];
        file.read_exact(&mut kind)
            .map_err(|_| ParcelFailure::Interrupted)?;
        let from = || "Regional hub".to_owned();
        let taken = ParcelTaken {
            from: from(),
            made_ms: NOW_MS - 86_400_000,
            records: 12_345,
            changes: 23_456,
            new_records: 42,
            in_sync: true,
            ..ParcelTaken::default()
        };
        let taken = match String::from_utf8_lossy(&kind).trim() {
            "whole" => taken,
            "gap" => ParcelTaken {
                in_sync: false,
                gap: true,
                ..taken
            },
            "older" => ParcelTaken {
                in_sync: false,
                ..taken
            },
            "refused" => ParcelTaken { refused: 1, ..taken },
            "setaside" => ParcelTaken {
                quarantined: 1,
                ..taken
            },
            "waiting" => ParcelTaken {
                in_sync: false,
                awaiting: 3,
                ..taken
            },
            "bad" => ParcelTaken {
                in_sync: false,
                refused: 1,
                quarantined: 2,
                problems: vec!["Patient/p9: made by no member".into()],
                ..taken
            },
            "cut" => ParcelTaken {
                in_sync: false,
                fault: Some(FileFault::Cut),
                ..taken
            },
            "own" => return Err(ParcelFailure::File(FileFault::Own)),
            "not for" => return Err(ParcelFailure::File(FileFault::NotForThisNode)),
            "network" => return Err(ParcelFailure::File(FileFault::OtherNetwork)),
            "revoked" => return Err(ParcelFailure::Revoked(from())),
            "awaiting" => return Err(ParcelFailure::Awaiting),
            "full" => return Err(ParcelFailure::DiskFull),
            "fault" => return Err(ParcelFailure::Internal("abc".into())),
            _ => return Err(ParcelFailure::File(FileFault::NotAParcel)),
        };
        let rest = std::io::copy(file, &mut std::io::sink()).map_err(|_| ParcelFailure::Interrupted)?;
        Ok(ParcelTaken {
            records: taken.records.saturating_add(rest),
            ..taken
        })
    }
}
