//! Small texts from outside: keys, versions, node ids, references, dates,
//! decimals, what a change says of itself, percent-encoding.

use chaski_clinic::text::{percent_decode, percent_encode, query_pairs};
use chaski_crdt::author::NodeId;
use chaski_crdt::hlc::Message;
use chaski_crdt::key::{RecordKey, element_path};
use chaski_crdt::version::VersionId;
use chaski_fhir::search::{Decimal, date_range, fold};
use chaski_fhir::{id, reference};

/// Small texts from outside.
pub fn texts(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    if let Ok(key) = text.parse::<RecordKey>() {
        assert_eq!(key.to_string(), text);
        assert!(id::is_fhir_id(key.id()));
    }
    if let Ok(version) = text.parse::<VersionId>() {
        assert_eq!(version.as_str(), text);
    }
    if let Ok(node) = text.parse::<NodeId>() {
        assert_eq!(node.to_string(), text.to_ascii_lowercase());
    }
    let message = Message::parse(text);
    assert_eq!(Message::parse(&message.encode()), message);
    let _ = element_path(text);
    let _ = reference::parse(text, &["http://example.org/fhir"]);
    let folded = fold(text);
    assert_eq!(fold(&folded), folded);
    if let Some((lo_ms, hi_ms)) = date_range(text) {
        assert!(lo_ms < hi_ms);
    }
    if let Some((value, lo, hi)) = Decimal::parse_with_range(text) {
        assert!(lo <= value && value <= hi);
    }
    assert_eq!(percent_decode(&percent_encode(text)).as_deref(), Some(text));
    let _ = query_pairs(text);
}
