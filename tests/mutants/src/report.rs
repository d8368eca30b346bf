//! What is told at the end: a row a package, then every switch that no test noticed.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::json;

use crate::judge::Verdict;
use crate::switch::{Genre, Switch};

/// The switches of a package, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Count {
    /// Those that compile and were judged.
    pub judged: usize,
    /// A test failed, or did not end.
    pub noticed: usize,
    /// Listed with a reason.
    pub excused: usize,
    /// No test noticed.
    pub survived: usize,
    /// Those that don't compile.
    pub refused: usize,
}

impl Count {
    /// Noticed of those that could be: what is listed with a reason does not count.
    fn percent(self) -> f64 {
        let counted = self.judged - self.excused;
        if counted == 0 {
            return 100.0;
        }
        #[expect(clippy::cast_precision_loss, reason = "a few thousand at most")]
        let share = self.noticed as f64 / counted as f64;
        share * 100.0
    }
}

/// The outcome of a run.
#[derive(Debug)]
pub struct Report<'a> {
    rows: Vec<(&'a Switch, Verdict, Option<&'a str>)>,
}

impl<'a> Report<'a> {
    /// Puts switches, verdicts and the list of survivors together.
    pub fn new(switches: &'a [Switch], verdicts: &[Verdict], listed: &'a BTreeMap<String, String>) -> Self {
        let rows = switches
            .iter()
            .zip(verdicts)
            .map(|(switch, verdict)| (switch, *verdict, listed.get(&switch.key()).map(String::as_str)));
        Self { rows: rows.collect() }
    }

    /// A row a package.
    pub fn counts(&self) -> BTreeMap<&'a str, Count> {
        let mut counts: BTreeMap<&str, Count> = BTreeMap::new();
        for (switch, verdict, reason) in &self.rows {
            let count = counts.entry(&switch.package).or_default();
            if *verdict == Verdict::Refused {
                count.refused += 1;
                continue;
            }
            count.judged += 1;
            match (verdict.is_noticed(), reason) {
                (true, _) => count.noticed += 1,
                (false, Some(_)) => count.excused += 1,
                (false, None) => count.survived += 1,
            }
        }
        counts
    }

    /// Those that no test noticed and no reason excuses. One written by hand that does not compile is among them:
    /// somebody meant it to be tried.
    pub fn survivors(&self) -> impl Iterator<Item = (&'a Switch, Verdict)> {
        let is_tried = |switch: &Switch, verdict| verdict != Verdict::Refused || switch.genre == Genre::Hand;
        self.rows
            .iter()
            .filter(move |(switch, verdict, reason)| {
                !verdict.is_noticed() && reason.is_none() && is_tried(switch, *verdict)
            })
            .map(|(switch, verdict, _)| (*switch, *verdict))
    }

    /// The report for people, as text.
    pub fn text(&self) -> String {
        let mut text = format!(
            "{:<14} {:>7} {:>8} {:>8} {:>9} {:>9} {:>8}\n",
            "package", "judged", "noticed", "excused", "survived", "refused", "noticed"
        );
        for (package, count) in self.counts() {
            text.push_str(&format!(
                "{package:<14} {:>7} {:>8} {:>8} {:>9} {:>9} {:>6.1} %\n",
                count.judged,
                count.noticed,
                count.excused,
                count.survived,
                count.refused,
                count.percent()
            ));
        }
        for (switch, verdict) in self.survivors() {
            text.push_str(&format!("\n{}: {switch}\n", verdict.name()));
        }
        text
    }

    /// The report for programs, as JSON.
    pub fn json(&self) -> serde_json::Value {
        let rows: Vec<_> = self
            .rows
            .iter()
            .map(|(switch, verdict, reason)| {
                json!({
                    "what": switch.key(), "package": switch.package, "file": switch.file, "line": switch.lines.0,
                    "function": switch.function, "genre": switch.genre, "replacement": switch.replacement,
                    "verdict": verdict, "reason": reason,
                })
            })
            .collect();
        json!({ "counts": self.counts(), "switches": rows })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::switch::Site;

    fn switch(function: &str, genre: Genre) -> Switch {
        Switch {
            package: "crdt".to_owned(),
            file: "crdt/src/a.rs".to_owned(),
            function: function.to_owned(),
            genre,
            original: "a".to_owned(),
            replacement: "b".to_owned(),
            ordinal: 1,
            lines: (1, 1),
            site: Site::Body(0),
            hurts: None,
        }
    }

    #[test]
    fn what_was_not_noticed_not_reached_or_by_hand_not_tried_is_named_unless_excused() {
        let switches: Vec<Switch> = ["noticed", "late", "survived", "unreached", "excused", "refused"]
            .into_iter()
            .map(|name| switch(name, Genre::Operator))
            .chain([switch("by-hand", Genre::Hand)])
            .collect();
        let verdicts = [
            Verdict::Noticed,
            Verdict::Late,
            Verdict::Survived,
            Verdict::Unreached,
            Verdict::Survived,
            Verdict::Refused,
            Verdict::Refused,
        ];
        let listed = BTreeMap::from([(switches[4].key(), "the same".to_owned())]);
        let report = Report::new(&switches, &verdicts, &listed);
        let named: Vec<&str> = report
            .survivors()
            .map(|(switch, _)| switch.function.as_str())
            .collect();
        assert_eq!(named, ["survived", "unreached", "by-hand"]);
        let count = report.counts()["crdt"];
        let expected = Count {
            judged: 5,
            noticed: 2,
            excused: 1,
            survived: 2,
            refused: 2,
        };
        assert_eq!(count, expected);
        assert!((count.percent() - 50.0).abs() < 1e-9);
        let text = report.text();
        for name in named {
            assert!(text.contains(&format!("in {name}:")), "{text}");
        }
        assert!(!text.contains("in excused:"), "{text}");
    }
}
