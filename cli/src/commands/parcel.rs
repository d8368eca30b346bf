//! Parcels: exchange with other nodes by file.

use std::io::{BufWriter, Write};
use std::path::Path;

use chaski_node::NodeError;
use chaski_node::admin::{AdminRequest, AdminResponse, ParcelReadReport, ParcelWriteReport};
use chaski_node::zone;
use serde::Serialize;

use super::ask::{Source, ask, unexpected};
use super::part_file::PartFile;
use crate::args::{Parcel, ParcelArgs, Place};
use crate::output::{Failure, json, line, note, size, warned};

/// Something was refused or set aside, or is missing.
const NOT_WHOLE: u8 = 3;
/// This node's key does not open it.
const WRONG_KEY: u8 = 5;

pub async fn parcel(args: ParcelArgs) -> Result<u8, Failure> {
    match args.action {
        Parcel::Write { to, all, force, file } => {
            let request = AdminRequest::ParcelWrite { to, all };
            let report = write(&args.place, request, &file, force).await?;
            let warnings = report.warnings.clone();
            if args.json {
                json(&Written { file: &file, report })?;
            } else {
                line(write_text(&file, &report))?;
            }
            warned(&warnings);
            Ok(0)
        }
        Parcel::Read { file } => {
            let source = Source::Files(vec![file]);
            let request = AdminRequest::ParcelRead;
            let AdminResponse::ParcelTaken(report) =
                ask(&args.place, request, source, &mut std::io::sink()).await?
            else {
                return Err(unexpected());
            };
            if args.json {
                json(&report)?;
            } else {
                read_text(&report)?;
            }
            warned(&report.warnings);
            Ok(read_code(&report))
        }
    }
}

/// What is printed of a parcel that was written.
#[derive(Serialize)]
struct Written<'a> {
    file: &'a Path,
    #[serde(flatten)]
    report: ParcelWriteReport,
}

async fn write(
    place: &Place,
    request: AdminRequest,
    path: &Path,
    force: bool,
) -> Result<ParcelWriteReport, Failure> {
    let failed = |error: std::io::Error| NodeError::io(&format!("writing {}", path.display()), &error);
    check_free(path, force)?;
    let (part, file) = PartFile::create(path)?;
    let mut out = BufWriter::with_capacity(256 * 1024, file);
    let response = match ask(place, request, Source::Nothing, &mut out).await {
        Err(Failure::Output(error)) => return Err(failed(error).into()),
        response => response?,
    };
    let AdminResponse::ParcelWritten(report) = response else {
        return Err(unexpected());
    };
    out.flush().map_err(failed)?;
    let file = out.into_inner().map_err(|error| failed(error.into_error()))?;
    check_free(path, force)?;
    part.place(&file)?;
    Ok(report)
}

/// Whether a parcel may be written under this name.
fn check_free(path: &Path, force: bool) -> Result<(), NodeError> {
    if path == Path::new("-") {
        return Err(NodeError::Usage(
            "a parcel is written to a file, not to standard output".to_owned(),
        ));
    }
    match std::fs::symlink_metadata(path) {
        Ok(found) if !found.is_file() => {
            Err(NodeError::Usage(format!("{} is no regular file", path.display())))
        }
        Ok(_) if !force => Err(NodeError::Failed(format!(
            "{} exists already; --force writes over it",
            path.display()
        ))),
        _ => Ok(()),
    }
}

fn write_text(file: &Path, report: &ParcelWriteReport) -> String {
    let names: Vec<&str> = report
        .recipients
        .iter()
        .map(|recipient| recipient.name.as_str())
        .collect();
    let since = match &report.since {
        Some(since) => format!("what arrived since {}", zone::local(since)),
        None => "from the beginning".to_owned(),
    };
    let left_out: Vec<&str> = report
        .left_out
        .iter()
        .map(|member| member.name.as_str())
        .collect();
    let without = match left_out.as_slice() {
        [] => String::new(),
        names => format!("; not for {}, whose grant is over", names.join(", ")),
    };
    format!(
        "{}: {} records with {} changes, {}, for {}; {since}{without}",
        file.display(),
        report.records,
        report.changes,
        size(report.bytes),
        names.join(", ")
    )
}

fn read_code(report: &ParcelReadReport) -> u8 {
    if report.not_for_this_node {
        WRONG_KEY
    } else if report.fault.is_some() {
        1
    } else if report.gap || report.refused > 0 || report.quarantined > 0 || report.awaiting > 0 {
        NOT_WHOLE
    } else {
        0
    }
}

fn read_text(report: &ParcelReadReport) -> Result<(), Failure> {
    if let (None, Some(fault)) = (&report.from, &report.fault) {
        note(format!("chaski: {fault}"));
        return Ok(());
    }
    let name = report.name.as_deref().unwrap_or_default();
    line(format!(
        "{} records with {} changes from {}, written {}: {} records were new or changed here",
        report.records,
        report.changes,
        name,
        zone::local(report.made.as_deref().unwrap_or_default()),
        report.new_records
    ))?;
    if report.in_sync == Some(true) {
        line(format!("This node holds all that {name} held then."))?;
    }
    for problem in &report.problems {
        note(problem);
    }
    let count = report.refused.saturating_add(report.quarantined);
    if count > 0 {
        note(format!(
            "{count} changes were refused or set aside; the rest was taken in"
        ));
    }
    if report.awaiting > 0 {
        note(format!(
            "{} changes wait until it is known here that their author is a member of the network",
            report.awaiting
        ));
    }
    if report.gap {
        note(format!(
            "The parcel builds on records that never came here: ask {name} for one written with --all."
        ));
    }
    if let Some(fault) = &report.fault {
        note(format!(
            "chaski: {fault}; what stood before that was taken in, a good copy brings the rest"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exit_code_says_whether_all_was_taken_in() {
        let mut report = ParcelReadReport::default();
        assert_eq!(read_code(&report), 0);
        report.gap = true;
        assert_eq!(read_code(&report), 3);
        (report.gap, report.quarantined) = (false, 1);
        assert_eq!(read_code(&report), 3);
        report.fault = Some("cut".to_owned());
        assert_eq!(read_code(&report), 1);
        report.not_for_this_node = true;
        assert_eq!(read_code(&report), 5);
    }

    #[test]
    fn whom_a_file_is_not_for_is_told() {
        let mut report = ParcelWriteReport::default();
        assert!(!write_text(Path::new("a"), &report).contains("not for"));
        report.left_out.push(chaski_node::admin::RecipientReport {
            node: "ab".into(),
            name: "Puno".into(),
        });
        let told = write_text(Path::new("a"), &report);
        assert!(told.ends_with("; not for Puno, whose grant is over"), "{told}");
    }

    #[test]
    fn json_has_the_members_that_the_help_names() {
        let written = Written {
            file: Path::new("a"),
            report: ParcelWriteReport::default(),
        };
        assert_eq!(
            serde_json::to_string(&written).unwrap(),
            r#"{"file":"a","recipients":[],"records":0,"changes":0,"bytes":0,"since":null,"left_out":[],"warnings":[]}"#
        );
    }
}
