//! What is measured with: our own made-up population, or the records of a kit repeated under new ids.

use std::collections::HashMap;
use std::io::Read;
use std::path::Path;

use chaski_json::{Json, Limits};
use chaski_node::NodeError;
use flate2::read::MultiGzDecoder;

/// Records of the sample, about, for each made-up patient.
const RECORDS_PER_PATIENT: u64 = 100;

/// The largest file of a kit, decompressed.
const FILE_BYTES_MAX: u64 = 512 * 1024 * 1024;

/// A population's seed.
const SEED: u64 = 4;

/// So many records.
///
/// # Errors
/// When the kit can't be read or holds none.
pub fn records(count: u64, kit: Option<&Path>) -> Result<Vec<Json>, NodeError> {
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    match kit {
        None => {
            // Generously: the population is a stream and is cut where it is enough.
            let patients = u32::try_from(count as u64 / RECORDS_PER_PATIENT * 3 + 60).unwrap_or(u32::MAX);
            Ok(chaski_fhir::sample::population(SEED, patients)
                .take(count)
                .collect())
        }
        Some(folder) => repeated(&kit_records(folder)?, count),
    }
}

/// The kit's records, again and again under new ids until there are enough.
fn repeated(texts: &[String], count: usize) -> Result<Vec<Json>, NodeError> {
    if texts.is_empty() {
        return Err(NodeError::Failed(
            "the kit holds no bundle with records".to_owned(),
        ));
    }
    let mut records = Vec::with_capacity(count);
    for round in 0_u64.. {
        for text in texts {
            if records.len() >= count {
                return Ok(records);
            }
            let text = if round == 0 {
                text.clone()
            } else {
                renamed(text, round)
            };
            records.push(parse(text.as_bytes())?);
        }
    }
    Ok(records)
}

fn parse(text: &[u8]) -> Result<Json, NodeError> {
    let limits = Limits {
        bytes_max: FILE_BYTES_MAX as usize,
        ..Limits::default()
    };
    chaski_json::parse(text, &limits).map_err(|error| NodeError::failed("reading the kit", error))
}

fn kit_records(folder: &Path) -> Result<Vec<String>, NodeError> {
    let about = |error| NodeError::io(&format!("reading the kit {}", folder.display()), &error);
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .map_err(about)?
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| {
            path.to_string_lossy().ends_with(".json.gz") || path.to_string_lossy().ends_with(".json")
        })
        .collect();
    files.sort();
    let mut texts = Vec::new();
    let mut kinds: HashMap<String, String> = HashMap::new();
    for file in files {
        let mut bytes = Vec::new();
        let open = std::fs::File::open(&file).map_err(about)?.take(FILE_BYTES_MAX);
        if file.extension().is_some_and(|extension| extension == "gz") {
            MultiGzDecoder::new(open)
                .take(FILE_BYTES_MAX)
                .read_to_end(&mut bytes)
                .map_err(about)?;
        } else {
            open.take(FILE_BYTES_MAX).read_to_end(&mut bytes).map_err(about)?;
        }
        for entry in parse(&bytes)?
            .get("entry")
            .and_then(Json::as_array)
            .into_iter()
            .flatten()
        {
            let Some(resource) = entry.get("resource") else {
                continue;
            };
            let name = |key: &str| {
                resource
                    .get(key)
                    .and_then(Json::as_str)
                    .unwrap_or_default()
                    .to_owned()
            };
            kinds.insert(name("id"), name("resourceType"));
            texts.push(resource.canonical());
        }
    }
    Ok(texts.into_iter().map(|text| related(&text, &kinds)).collect())
}

/// `urn:uuid:X` as `Type/X`.
fn related(text: &str, kinds: &HashMap<String, String>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("\"urn:uuid:") {
        out.push_str(before);
        match after.get(..36).and_then(|id| kinds.get(id)) {
            Some(kind) => out.push_str(&format!("\"{kind}/")),
            None => out.push_str("\"urn:uuid:"),
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

/// Every UUID in a text replaced by one that depends on it and on the round.
fn renamed(text: &str, round: u64) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(dash) = rest.find('-') {
        let start = dash.saturating_sub(8);
        match rest
            .get(start..start + 36)
            .filter(|id| chaski_fhir::id::is_uuid(id))
        {
            Some(id) => {
                out.push_str(rest.get(..start).unwrap_or_default());
                let space = uuid::Uuid::from_u64_pair(0x6368_6173_6b69, round);
                out.push_str(&uuid::Uuid::new_v5(&space, id.as_bytes()).hyphenated().to_string());
                rest = rest.get(start + 36..).unwrap_or_default();
            }
            None => {
                out.push_str(rest.get(..=dash).unwrap_or_default());
                rest = rest.get(dash + 1..).unwrap_or_default();
            }
        }
    }
    out.push_str(rest);
    out
}

pub(crate) fn kind_of(record: &Json) -> &str {
    record
        .get("resourceType")
        .and_then(Json::as_str)
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "018f428e-34f6-4707-8009-5ad742f901e7";

    #[test]
    fn every_uuid_is_renamed_alike_and_nothing_else() {
        let text = format!("a-b \"{ID}\" 2020-01-02 x/{ID}-");
        let new = renamed(&text, 1);
        let id = new.get(5..41).unwrap();
        assert_ne!(id, ID);
        assert_eq!(new, text.replace(ID, id));
        assert_ne!(renamed(&text, 2), new);
    }

    #[test]
    fn the_sample_gives_as_many_as_asked() {
        assert_eq!(records(700, None).unwrap().len(), 700);
    }
}
