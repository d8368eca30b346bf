//! Data that nobody in this project wrote, where it is present.

use std::io::Read;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// The kit's folder, or a word that the test is skipped.
pub fn kit() -> Option<PathBuf> {
    let path = std::env::var_os("CHASKI_KIT")
        .map(PathBuf::from)
        .unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/kit"));
    if path.is_dir() {
        return Some(path);
    }
    crate::skip("the kit is not here (CHASKI_KIT)");
    None
}

/// Synthea's files: what all share (hospitals, practitioners) first, then the patients by name.
pub struct Synthea {
    pub shared: Vec<PathBuf>,
    pub patients: Vec<PathBuf>,
}

pub fn synthea() -> Option<Synthea> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(kit()?.join("synthea"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.to_string_lossy().ends_with(".json.gz"))
        .collect();
    files.sort();
    let is_shared = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        name.starts_with("hospitalInformation") || name.starts_with("practitionerInformation")
    };
    let (shared, patients) = files.into_iter().partition(is_shared);
    Some(Synthea { shared, patients })
}

/// A gzipped JSON file.
pub fn read_gz(path: &Path) -> Value {
    let mut text = String::new();
    flate2::read::GzDecoder::new(std::fs::File::open(path).unwrap())
        .read_to_string(&mut text)
        .unwrap();
    serde_json::from_str(&text).unwrap()
}
