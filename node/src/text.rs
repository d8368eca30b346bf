//! Values as reports write them.

use chaski_json::Json;

/// A fingerprint's sum, hexadecimal: equal on two nodes that hold the same.
pub fn fingerprint_text(fingerprint: &chaski_store::Fingerprint) -> String {
    data_encoding::HEXLOWER.encode(&fingerprint.sum)
}

/// Milliseconds since 1970 as RFC 3339, in UTC.
pub fn time_text(ms: u64) -> String {
    i64::try_from(ms)
        .ok()
        .and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok())
        .map_or_else(|| ms.to_string(), |time| time.to_string())
}

/// A value of a record for a report. Numbers keep their value, not always their literal.
pub fn json_value(json: &Json) -> serde_json::Value {
    serde_json::from_str(&json.canonical()).unwrap_or(serde_json::Value::Null)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_rfc_3339() {
        assert_eq!(time_text(0), "1970-01-01T00:00:00Z");
        assert_eq!(time_text(1_500), "1970-01-01T00:00:01.5Z");
    }
}
