//! The three nodes as the demo page draws them.

use chaski_clinic::allergy::AllergyRow;
use chaski_clinic::chart::Chart;
use chaski_clinic::medication::MedicationRow;

use super::backend::{DemoClinic, DemoLink, DemoNode, DemoRole};
use crate::conflict::{ConflictView, read_inbox};
use crate::i18n::Texts;
use crate::medication::instruction;
use crate::person::PersonView;
use crate::show::Clock;

const CONFLICTS_MAX: usize = 4;

/// Someone to look at.
pub(crate) struct PersonTab {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) current: bool,
}

/// A cable as a switch.
pub(crate) struct WireView {
    pub(crate) a: String,
    pub(crate) b: String,
    pub(crate) names: String,
    pub(crate) on: bool,
    pub(crate) state: String,
}

impl WireView {
    pub(crate) fn new(t: &Texts, nodes: &[DemoNode], link: &DemoLink) -> Self {
        Self {
            names: t.aa(
                "demo-wire",
                &[("a", name_of(nodes, &link.a)), ("b", name_of(nodes, &link.b))],
            ),
            a: link.a.clone(),
            b: link.b.clone(),
            on: link.on,
            state: t.s(match (link.on, link.connected) {
                (true, true) => "demo-wire-on",
                (true, false) => "demo-wire-joining",
                (false, _) => "demo-wire-off",
            }),
        }
    }
}

fn name_of<'a>(nodes: &'a [DemoNode], key: &'a str) -> &'a str {
    nodes
        .iter()
        .find(|node| node.key == key)
        .map_or(key, |node| &node.name)
}

/// A node at its place in the drawing.
pub(crate) struct SpotView {
    pub(crate) x: i32,
    pub(crate) y: i32,
    pub(crate) icon_x: i32,
    pub(crate) icon_y: i32,
    pub(crate) text_y: i32,
    pub(crate) icon: &'static str,
    pub(crate) name: String,
    pub(crate) conflicts: u64,
}

/// A cable in the drawing.
pub(crate) struct LineView {
    pub(crate) x1: i32,
    pub(crate) y1: i32,
    pub(crate) x2: i32,
    pub(crate) y2: i32,
    pub(crate) cut_x: i32,
    pub(crate) cut_y: i32,
    pub(crate) on: bool,
    pub(crate) connected: bool,
}

/// The drawing and its words for those who do not see it.
pub(crate) struct DiagramView {
    pub(crate) spots: Vec<SpotView>,
    pub(crate) lines: Vec<LineView>,
    pub(crate) words: String,
}

fn icon(role: DemoRole) -> &'static str {
    match role {
        DemoRole::Clinic => "clinic",
        DemoRole::Mobile => "mobile",
        DemoRole::Hub => "hub",
    }
}

/// Left, top, right; further nodes of one role stand beside each other.
fn place(nodes: &[DemoNode], key: &str) -> (i32, i32) {
    let Some(index) = nodes.iter().position(|node| node.key == key) else {
        return (180, 100);
    };
    match nodes.get(index).map(|node| node.role) {
        Some(DemoRole::Clinic) => (62, 168),
        Some(DemoRole::Mobile) => (298, 168),
        _ => (180, 62),
    }
}

/// Draws nodes and cables.
pub(crate) fn diagram(t: &Texts, nodes: &[DemoNode], links: &[DemoLink]) -> DiagramView {
    let spots = nodes.iter().map(|node| {
        let (x, y) = place(nodes, &node.key);
        SpotView {
            x,
            y,
            icon_x: x - 15,
            icon_y: y - 15,
            text_y: if node.role == DemoRole::Hub {
                y - 40
            } else {
                y + 48
            },
            icon: icon(node.role),
            name: node.name.clone(),
            conflicts: node.conflicts,
        }
    });
    let lines = links.iter().map(|link| {
        let ((x1, y1), (x2, y2)) = (place(nodes, &link.a), place(nodes, &link.b));
        let (cut_x, cut_y) = ((x1 + x2) / 2, (y1 + y2) / 2);
        LineView {
            x1,
            y1,
            x2,
            y2,
            cut_x,
            cut_y,
            on: link.on,
            connected: link.connected,
        }
    });
    let words: Vec<String> = links
        .iter()
        .map(|link| WireView::new(t, nodes, link))
        .map(|wire| {
            t.aa(
                "demo-wire-words",
                &[("names", &wire.names), ("state", &wire.state)],
            )
        })
        .collect();
    DiagramView {
        spots: spots.collect(),
        lines: lines.collect(),
        words: words.join(" "),
    }
}

/// One node with the person looked at.
pub(crate) struct ColumnView {
    pub(crate) node: DemoNode,
    pub(crate) icon: &'static str,
    pub(crate) here: Option<HereView>,
    pub(crate) conflicts: Vec<ConflictView>,
}

/// The person as this node knows them.
pub(crate) struct HereView {
    pub(crate) person: PersonView,
    pub(crate) phones: Vec<String>,
    pub(crate) phones_differ: bool,
    pub(crate) allergies: Vec<String>,
    pub(crate) allergies_differ: bool,
    pub(crate) medicine: Option<MedicationRow>,
    pub(crate) medicine_differs: bool,
}

/// What is compared between the nodes.
#[derive(PartialEq, Eq)]
struct Facts {
    phones: Vec<String>,
    allergies: Vec<String>,
    medicine: Option<(String, String, usize)>,
}

fn medicine_of(chart: &Chart) -> Option<&MedicationRow> {
    let rows = chart.rows::<MedicationRow>();
    let active = || rows.iter().filter(|row| row.active);
    active()
        .find(|row| !row.dose_value.is_empty())
        .or_else(|| active().next())
        .or(rows.first())
}

fn facts(chart: &Chart) -> Facts {
    let mut allergies: Vec<String> = substances(chart).collect();
    allergies.sort();
    let medicine = medicine_of(chart).map(|row| {
        (
            format!("{} {}", row.dose_text, row.dose_value),
            row.status.clone(),
            row.meta.conflicts,
        )
    });
    Facts {
        phones: chart.patient.phones.clone(),
        allergies,
        medicine,
    }
}

/// Sample prescriptions may count without saying what: a form of one field needs the word.
fn shown(t: &Texts, row: &MedicationRow) -> MedicationRow {
    let mut row = MedicationRow {
        dose_text: instruction(t, row),
        ..row.clone()
    };
    if row.dose_unit.is_empty() {
        row.dose_unit = "tablet".to_owned();
    }
    row
}

/// Reads the person and the conflicts of each node.
pub(crate) fn columns(
    clock: &Clock,
    nodes: Vec<DemoNode>,
    clinics: &[Option<DemoClinic>],
    person: &str,
) -> Vec<ColumnView> {
    let charts: Vec<Option<Chart>> = clinics
        .iter()
        .map(|one| {
            let one = one.as_ref()?;
            one.clinic.chart_view(&one.caller(), person).ok()
        })
        .collect();
    let known: Vec<Facts> = charts.iter().flatten().map(facts).collect();
    let first = known.first();
    let differ = |same: fn(&Facts, &Facts) -> bool| {
        first.is_some_and(|first| known.iter().any(|other| !same(first, other)))
    };
    let phones = differ(|a, b| a.phones == b.phones);
    let allergies = differ(|a, b| a.allergies == b.allergies);
    let medicine = differ(|a, b| a.medicine == b.medicine);
    let rows = nodes.into_iter().zip(clinics).zip(charts);
    rows.map(|((node, clinic), chart)| ColumnView {
        icon: icon(node.role),
        conflicts: clinic
            .as_ref()
            .map(|clinic| conflicts(clock, &node, clinic))
            .unwrap_or_default(),
        here: chart.map(|chart| HereView {
            phones: chart.patient.phones.clone(),
            phones_differ: phones,
            allergies: substances(&chart).collect(),
            allergies_differ: allergies,
            medicine: medicine_of(&chart).map(|row| shown(clock.t, row)),
            medicine_differs: medicine,
            person: PersonView::new(clock, chart.patient),
        }),
        node,
    })
    .collect()
}

/// The substances of the allergies that count.
fn substances(chart: &Chart) -> impl Iterator<Item = String> {
    let counting = chart.rows::<AllergyRow>().iter().filter(|row| row.counts());
    counting.map(|row| row.substance.clone())
}

fn conflicts(clock: &Clock, node: &DemoNode, of: &DemoClinic) -> Vec<ConflictView> {
    let found = read_inbox(&of.clinic, &of.caller(), CONFLICTS_MAX);
    let (rows, _) = found.unwrap_or_default();
    let action = format!("/nodes/{}/resolve", node.key);
    rows.into_iter()
        .map(|item| {
            let mut view = ConflictView::new(clock, item, &action);
            view.anchor = format!("{}-{}", node.key, view.anchor);
            view
        })
        .collect()
}
