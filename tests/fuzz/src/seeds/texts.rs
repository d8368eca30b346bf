//! Texts as people and programs give them: records, searches, files to import.

use super::{RECORDS, Seeds};

const QUERIES: &str = include_str!("../../seeds/queries.txt");
const TEXTS: &str = include_str!("../../seeds/texts.txt");

/// Texts of a line, and searches.
pub fn small(seeds: &mut Seeds) {
    for (at, text) in TEXTS.lines().enumerate() {
        seeds.put("texts", &format!("text-{at}"), text.as_bytes());
    }
    for (at, query) in QUERIES.lines().enumerate() {
        seeds.put("http_search", &format!("query-{at}"), query.as_bytes());
        let (kind, rest) = query.split_once('?').expect("a type before the query");
        let named = format!("\"resourceType\":\"{kind}\"");
        let of_kind = RECORDS.lines().filter(|line| line.contains(&named));
        for (record, line) in of_kind.enumerate() {
            seeds.put(
                "search",
                &format!("query-{at}-{record}"),
                format!("{rest}\n{line}").as_bytes(),
            );
        }
    }
}

/// Records as JSON, and what JSON has that they have not.
pub fn records(seeds: &mut Seeds) {
    for (at, line) in RECORDS.lines().enumerate() {
        seeds.put("json", &format!("record-{at}"), line.as_bytes());
    }
    let escapes = r#"{"":"\u0000\n\"\\\/\ud83d\ude00","a":"\u00e9"}"#;
    seeds.put("json", "escapes", escapes.as_bytes());
    let numbers = "[-0,0.10,1E-7,1e400,18446744073709551615,[[[]],{}],true,false,null]";
    seeds.put("json", "numbers", numbers.as_bytes());
}

/// Files of every form that an import takes.
pub fn imports(seeds: &mut Seeds) {
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut gz, RECORDS.as_bytes()).expect("gzip");
    seeds.put(
        "import",
        "gzip",
        &[vec![2, 0, 0], gz.finish().expect("gzip")].concat(),
    );
    seeds.put("import", "lines", &[b"\x02\x00\x00", RECORDS.as_bytes()].concat());
    seeds.put(
        "import",
        "prefix",
        &[b"\x01\x00\x00", RECORDS.as_bytes()].concat(),
    );
    seeds.put(
        "import",
        "bundle",
        &[
            b"\x00\x00\x00",
            include_bytes!("../../seeds/bundle.json").as_slice(),
        ]
        .concat(),
    );
}
