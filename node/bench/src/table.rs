//! The measurements for a person.

use crate::report::BenchReport;

impl BenchReport {
    /// A table: what, measured, floor.
    pub fn table(&self) -> String {
        let floor = &self.floor;
        let rows = [
            (
                "durable imports, records/s",
                self.import_records_per_s,
                Some(floor.import_records_per_s),
            ),
            (
                "first sync, records/s",
                self.first_sync_records_per_s,
                Some(floor.first_sync_records_per_s),
            ),
            (
                "first sync, B/record",
                self.first_sync_bytes_per_record,
                Some(floor.first_sync_bytes_per_record),
            ),
            (
                "100 changed, B",
                self.changed100_bytes,
                Some(floor.changed100_own_bytes),
            ),
            ("100 changed, round trips", self.changed100_round_trips, None),
            ("nothing changed, B", self.unchanged_bytes, None),
            (
                "read by id over HTTP, /s",
                self.read_per_s,
                Some(floor.http_per_s),
            ),
            ("search over HTTP, /s", self.search_per_s, Some(floor.http_per_s)),
            ("first page, p95 ms", self.home_p95_ms, None),
            ("patient search, p95 ms", self.patient_search_p95_ms, None),
            ("chart, p95 ms", self.chart_p95_ms, None),
            ("largest chart, p95 ms", self.largest_chart_p95_ms, None),
            ("form, p95 ms", self.form_p95_ms, None),
            ("idle memory, MB", self.idle_rss_mb, None),
            ("start, s", self.start_s, None),
            ("on disk, B/record", self.disk_bytes_per_record, None),
        ];
        let mut text = format!("{:<30} {:>14} {:>14}\n", "", "this node", "bare parts");
        for (name, value, floor) in rows {
            let floor = floor.map(number).unwrap_or_default();
            text.push_str(format!("{name:<30} {:>14} {floor:>14}", number(value)).trim_end());
            text.push('\n');
        }
        let parts = [
            ("sled inserts/s, durable", floor.sled_inserts_per_s),
            ("sled gets/s", floor.sled_gets_per_s),
            ("Automerge builds/s", floor.automerge_build_per_s),
            ("Automerge loads/s", floor.automerge_load_per_s),
            ("Ed25519 signs/s", floor.sign_per_s),
            ("Ed25519 verifies/s", floor.verify_per_s),
            ("quinn, MiB/s", floor.quinn_mib_per_s),
        ];
        text.push_str("\nbare parts, each alone\n");
        for (name, value) in parts {
            text.push_str(&format!("{name:<30} {:>14}\n", number(value)));
        }
        text.push_str(&format!(
            "\n{} records in import and first sync; start and memory at {}.\n",
            self.records, self.start_records
        ));
        text
    }
}

fn number(value: f64) -> String {
    if value >= 100.0 {
        format!("{value:.0}")
    } else {
        format!("{value:.2}")
    }
}
