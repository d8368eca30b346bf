//! Records: import, export, get, put, conflicts, resolve.

use std::io::{BufWriter, Write};
use std::path::Path;

use chaski_node::NodeError;
use chaski_node::admin::{
    AdminRequest, AdminResponse, COLLISION_PATH, ConflictReport, IdPolicy, ImportReport, ResolveChoice,
    WrittenReport,
};
use chaski_node::zone;

use super::ask::{Source, ask, ask_plain, unexpected};
use super::part_file::PartFile;
use crate::args::{Export, Get, Import, Plain, Put, Resolve};
use crate::output::{Failure, bytes, json, line, note, warned};

pub async fn import(args: Import) -> Result<u8, Failure> {
    for file in args.files.iter().filter(|file| *file != Path::new("-")) {
        if !file.is_file() && !file.exists() {
            return Err(NodeError::Failed(format!("{}: no such file", file.display())).into());
        }
    }
    let ids = match (args.id_prefix, args.accept_ids) {
        (Some(prefix), _) => IdPolicy::Prefix(prefix),
        (None, true) => IdPolicy::Accept,
        (None, false) => IdPolicy::Uuid,
    };
    let request = AdminRequest::Import { ids };
    let source = Source::Files(args.files);
    let AdminResponse::Import(report) = ask(&args.place, request, source, &mut std::io::sink()).await? else {
        return Err(unexpected());
    };
    if args.json {
        json(&report)?
    } else {
        import_text(&report)?
    }
    warned(&report.warnings);
    Ok(u8::from(report.rejected > 0))
}

fn import_text(report: &ImportReport) -> Result<(), Failure> {
    let seconds = (report.milliseconds as f64 / 1000.0).max(0.001);
    line(format!(
        "{} records: {} new, {} changed, {} as before, {} refused; {:.1} s, {:.0}/s",
        report.records,
        report.created,
        report.updated,
        report.unchanged,
        report.rejected,
        seconds,
        report.records as f64 / seconds
    ))?;
    for problem in &report.problems {
        note(format!("{}: {}", problem.place, problem.reason));
    }
    if report.dangling > 0 {
        note(format!(
            "{} references name records that are not here yet",
            report.dangling
        ));
    }
    let more = report.rejected.saturating_sub(report.problems.len() as u64);
    if more > 0 {
        note(format!("… and {more} more"));
    }
    Ok(())
}

pub async fn export(args: Export) -> Result<u8, Failure> {
    let request = AdminRequest::Export;
    let Some(path) = args.out else {
        let mut out = BufWriter::with_capacity(256 * 1024, std::io::stdout());
        ask(&args.place, request, Source::Nothing, &mut out).await?;
        out.flush().map_err(Failure::Output)?;
        return Ok(0);
    };
    if std::fs::metadata(&path).is_ok_and(|found| !found.is_file()) {
        return Err(NodeError::Usage(format!("{} is no regular file", path.display())).into());
    }
    let failed = |error: std::io::Error| NodeError::io(&format!("writing {}", path.display()), &error);
    let (part, file) = PartFile::create(&path)?;
    let mut out = BufWriter::with_capacity(256 * 1024, file);
    let response = match ask(&args.place, request, Source::Nothing, &mut out).await {
        Err(Failure::Output(error)) => return Err(failed(error).into()),
        response => response?,
    };
    let file = out.into_inner().map_err(|error| failed(error.into_error()))?;
    part.place(&file)?;
    if let AdminResponse::Exported { records } = response {
        note(format!("{records} records in {}", path.display()));
    }
    Ok(0)
}

pub async fn get(args: Get) -> Result<u8, Failure> {
    let request = AdminRequest::Read {
        record: args.record,
        version: args.version,
        history: args.history,
    };
    let mut text = Vec::new();
    ask(&args.place, request, Source::Nothing, &mut text).await?;
    bytes(&text)?;
    if !text.ends_with(b"\n") {
        line("")?;
    }
    Ok(0)
}

pub async fn put(args: Put) -> Result<u8, Failure> {
    let request = AdminRequest::Put {
        if_match: args.if_match,
    };
    let source = Source::record(args.file)?;
    let AdminResponse::Written(written) = ask(&args.place, request, source, &mut std::io::sink()).await?
    else {
        return Err(unexpected());
    };
    written_text(&written, args.json)
}

fn written_text(written: &WrittenReport, as_json: bool) -> Result<u8, Failure> {
    if as_json {
        json(written)?;
    } else {
        let what = match (written.created, written.unchanged) {
            (true, _) => "created",
            (false, true) => "unchanged",
            (false, false) => "updated",
        };
        line(format!("{what} {} version {}", written.record, written.version))?;
        for record in &written.apart {
            line(format!(
                "the other record is {record} from now on: what refers to it by its old id does not follow"
            ))?;
        }
    }
    warned(&written.warnings);
    Ok(0)
}

pub async fn conflicts(args: Plain) -> Result<u8, Failure> {
    let AdminResponse::Conflicts(conflicts) = ask_plain(&args.place, AdminRequest::ConflictList).await?
    else {
        return Err(unexpected());
    };
    if args.json {
        json(&conflicts)?;
    } else {
        conflicts_text(&conflicts)?;
    }
    Ok(0)
}

fn conflicts_text(conflicts: &[ConflictReport]) -> Result<(), Failure> {
    if conflicts.is_empty() {
        return line("No conflicts.");
    }
    for conflict in conflicts {
        line(format!(
            "{} '{}'  version {}",
            conflict.record, conflict.path, conflict.version
        ))?;
        if conflict.path == COLLISION_PATH {
            line(
                "  two patients' records of one id: the one that is picked keeps it, the other gets its own",
            )?;
        }
        for (index, value) in conflict.values.iter().enumerate() {
            let who = [value.user.as_str(), value.site.as_str()].join(" at ");
            line(format!("  {}  {}", index + 1, value.value))?;
            line(format!("     {who}, {}", zone::local(&value.time)))?;
        }
    }
    note("To settle one as listed: chaski resolve --data DIR Type/id PATH --pick N --if-match VERSION");
    Ok(())
}

pub async fn resolve(args: Resolve) -> Result<u8, Failure> {
    let choice = match (args.choice.value, args.choice.pick) {
        (Some(value), _) => ResolveChoice::Value(value),
        (None, Some(pick)) => ResolveChoice::Pick(pick),
        (None, None) => return Err(NodeError::Usage("give --value or --pick".to_owned()).into()),
    };
    let request = AdminRequest::ConflictResolve {
        record: args.record,
        path: args.path,
        choice,
        if_match: args.if_match,
    };
    let AdminResponse::Written(written) = ask_plain(&args.place, request).await? else {
        return Err(unexpected());
    };
    written_text(&written, args.json)
}
