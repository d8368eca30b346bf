//! Ids: FHIR's `id`, UUIDs, and ids derived for conditional creation.

/// Longest FHIR id, in bytes.
pub const ID_BYTES_MAX: usize = 64;

/// Whether `text` is a FHIR id: 1 to 64 of `A-Z a-z 0-9 - .`.
pub fn is_fhir_id(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= ID_BYTES_MAX
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.')
}

/// Whether `text` is a UUID in the form FHIR writes it: lower-case hex, hyphenated 8-4-4-4-12.
pub fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, b)| match at {
            8 | 13 | 18 | 23 => b == b'-',
            _ => b.is_ascii_digit() || (b'a'..=b'f').contains(&b),
        })
}

/// The id of a shared record created on condition of one identifier: UUIDv5 over type, system
/// and value, so that two nodes that create it apart make the same record.
pub fn derived_id(kind: &str, system: &str, value: &str) -> String {
    // The name space is ours: it is part of the record format and never changes.
    const SPACE: uuid::Uuid = uuid::uuid!("5b0e3c0e-6a7d-5d0c-9b1f-2d7f0c9a4e11");
    let name = format!("{}\u{0}{}\u{0}{}", kind, system, value);
    uuid::Uuid::new_v5(&SPACE, name.as_bytes())
        .hyphenated()
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_checked_and_derived_alike_everywhere() {
        assert!(is_fhir_id("A-1.b") && !is_fhir_id("") && !is_fhir_id("a_b") && !is_fhir_id(&"x".repeat(65)));
        assert!(is_uuid("5b0e3c0e-6a7d-5d0c-9b1f-2d7f0c9a4e11"));
        assert!(!is_uuid("5B0E3C0E-6a7d-5d0c-9b1f-2d7f0c9a4e11") && !is_uuid("5b0e3c0e"));
        let id = derived_id("Organization", "urn:s", "1");
        // Part of the record format: two nodes must agree, today and in ten years.
        assert_eq!(id, "a82d766f-ea7b-5174-8457-e2e535104a1f");
        assert_ne!(id, derived_id("Organization", "urn:s1", ""));
    }
}
