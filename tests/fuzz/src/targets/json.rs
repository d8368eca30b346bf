//! JSON from outside: what is taken is written in one canonical form.

use chaski_json::{Limits, parse, parse_str};

/// JSON from outside.
pub fn json(bytes: &[u8]) {
    if let Ok(json) = parse(bytes, &Limits::default()) {
        let text = json.canonical();
        let again = parse_str(&text).expect("canonical JSON is JSON");
        assert_eq!(json, again);
        assert_eq!(text, again.canonical());
    }
}
