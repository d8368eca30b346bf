//! Records: import, export, get, put, conflicts, resolve.

use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

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
    if let Some(report) = &args.report {
        // Before it is emptied.
        let is_input = |file: &PathBuf| {
            let whole = |path: &Path| std::fs::canonicalize(path).ok();
            whole(file).is_some_and(|file| whole(report) == Some(file))
        };
        if args.files.iter().any(is_input) {
            let told = format!(
                "{} is one of the files to import: name another for the report",
                report.display()
            );
            return Err(NodeError::Usage(told).into());
        }
    }
    let ids = match (args.id_prefix, args.accept_ids) {
        (Some(prefix), _) => IdPolicy::Prefix(prefix),
        (None, true) => IdPolicy::Accept,
        (None, false) => IdPolicy::Uuid,
    };
    let request = AdminRequest::Import {
        ids,
        strict: args.strict,
        report: args.report.is_some() || args.json,
    };
    let source = Source::Files(args.files);
    let mut lines = Vec::new();
    let response = match &args.report {
        Some(path) => {
            let failed =
                |error: std::io::Error| NodeError::io(&format!("writing {}", path.display()), &error);
            let mut out = BufWriter::new(std::fs::File::create(path).map_err(failed)?);
            let response = match ask(&args.place, request, source, &mut out).await {
                Err(Failure::Output(error)) => return Err(failed(error).into()),
                response => response,
            };
            out.flush().map_err(failed)?;
            response?
        }
        None => ask(&args.place, request, source, &mut lines).await?,
    };
    let AdminResponse::Import(report) = response else {
        return Err(unexpected());
    };
    if args.json {
        json(&import_json(&report, args.report.as_deref(), &lines)?)?;
    } else {
        import_text(&report, args.report.as_deref())?;
    }
    warned(&report.warnings);
    Ok(u8::from(report.rejected > 0))
}

/// The report with all that there is to tell, or where it stands.
fn import_json(
    report: &ImportReport,
    file: Option<&Path>,
    lines: &[u8],
) -> Result<serde_json::Value, Failure> {
    let unreadable =
        |error: serde_json::Error| NodeError::Failed(format!("the node's report is unreadable: {error}"));
    let mut value = serde_json::to_value(report).map_err(unreadable)?;
    let Some(members) = value.as_object_mut() else {
        return Err(unexpected());
    };
    match file {
        Some(file) => {
            members.insert("report".to_owned(), file.display().to_string().into());
        }
        None => {
            let lines = lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
            let problems: Result<Vec<serde_json::Value>, _> = lines.map(serde_json::from_slice).collect();
            members.insert("problems".to_owned(), problems.map_err(unreadable)?.into());
        }
    }
    Ok(value)
}

fn import_text(report: &ImportReport, file: Option<&Path>) -> Result<(), Failure> {
    let seconds = (report.milliseconds as f64 / 1000.0).max(0.001);
    let mut counts = vec![
        format!("{} new", report.created),
        format!("{} changed", report.updated),
    ];
    // These two are seldom, and a nought of them says nothing.
    if report.deleted > 0 {
        counts.push(format!("{} deleted", report.deleted));
    }
    counts.push(format!("{} as before", report.unchanged));
    if report.kept > 0 {
        counts.push(format!("{} kept as they are here", report.kept));
    }
    counts.push(format!("{} refused", report.rejected));
    line(format!(
        "{} records: {}; {:.1} s, {:.0}/s",
        report.records,
        counts.join(", "),
        seconds,
        report.records as f64 / seconds
    ))?;
    let people = report.kinds.get("Patient").copied().unwrap_or_default();
    let kinds: Vec<String> = report
        .kinds
        .iter()
        .map(|(kind, count)| format!("{count} {kind}"))
        .collect();
    if !kinds.is_empty() {
        line(format!("{people} people; by kind: {}", kinds.join(", ")))?;
    }
    line(format!(
        "{} references lead to a record here, {} name nobody here; {} records carry a leaf that is not valid, and are marked",
        report.links, report.dangling, report.marked
    ))?;
    for problem in &report.problems {
        let what = match problem.what.as_str() {
            "" | "refused" | "said" => String::new(),
            what => format!("{what}: "),
        };
        note(format!("{}: {what}{}", problem.place, problem.reason));
    }
    let listed = |what: &str| report.problems.iter().filter(|one| one.what == what).count() as u64;
    let left = [
        ("refused", report.rejected),
        ("dangling", report.dangling),
        ("kept", report.kept),
    ];
    let mut more: Vec<String> = Vec::new();
    for (what, count) in left {
        match count.saturating_sub(listed(what)) {
            0 => {}
            left => more.push(format!("{left} {what}")),
        }
    }
    match file {
        Some(file) if left.iter().any(|(_, count)| *count > 0) || report.marked > 0 => {
            note(format!("each of them has a line in {}", file.display()));
        }
        Some(_) => {}
        None if !more.is_empty() => note(format!(
            "… and {} more: --report FILE.ndjson names each of them",
            more.join(", ")
        )),
        None => {}
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
