//! Files to import: NDJSON, bundles, resources, gzipped or not, two after one
//! another. What is taken can be read; importing it again changes nothing.

use std::io::{BufRead, BufReader, Read};

use chaski_clinic::Clinic;
use chaski_clinic::record::{ImportOptions, ImportReport};
use flate2::read::MultiGzDecoder;

use crate::{Pieces, empty_clinic, operator};

/// A bomb may grow to this in the target; the node reads on.
const PLAIN_BYTES_MAX: u64 = 1 << 20;

/// Files to import.
pub fn import(bytes: &[u8]) {
    let mut input = Pieces(bytes);
    let how = input.byte();
    let files = [input.piece(), input.0];
    let clinic = empty_clinic();
    let Some(first) = imported(&clinic, how, files) else {
        return;
    };
    assert!(first.created + first.updated + first.unchanged + first.refused <= first.records + first.refused);
    if let Some(again) = imported(&clinic, how, files) {
        assert_eq!((again.created, again.updated), (0, 0), "{first:?} then {again:?}");
    }
}

pub(crate) fn imported(clinic: &Clinic, how: u8, files: [&[u8]; 2]) -> Option<ImportReport> {
    let options = ImportOptions {
        id_prefix: (how & 1 == 1).then(|| "old-".to_owned()),
        accept_ids: how & 2 == 2,
        strict: how & 4 == 4,
    };
    let mut session = clinic.record_import(&operator(), options).expect("an import");
    for file in files {
        let mut plain: Box<dyn BufRead + '_> = if file.starts_with(&[0x1f, 0x8b]) {
            Box::new(BufReader::new(MultiGzDecoder::new(file).take(PLAIN_BYTES_MAX)))
        } else {
            Box::new(file)
        };
        let _ = session.file("file", plain.as_mut(), &mut |_| {});
    }
    session.finish(&mut |_| {}).ok()
}
