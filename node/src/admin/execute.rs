//! The one function that carries out what an operator asks, whoever asks and however.
//!
//! Invariants: every operation acts as the local operator through the clinic's door, and is audited
//! there; what blocks runs on threads for it; a command that goes away ends its operation between two
//! steps, never within one.

use std::io::Write;

use chaski_clinic::conflict::{Choice, ConflictError};
use chaski_clinic::record::UpdateOptions;
use chaski_clinic::{Caller, Clinic};
use chaski_json::{Json, Limits};
use chaski_store::{HistoryOf, RecordKey};
use tokio::sync::mpsc;

use super::pieces::Pieces;
use super::protocol::{
    AdminRequest, AdminResponse, DATA_BYTES_MAX, Exchange, Input, Output, Progress, ResolveChoice,
};
use super::report::{ConflictReport, ConflictValueReport, WrittenReport};
use super::{status, tokens};
use crate::error::{NodeError, record_error};
use crate::lifecycle::{Node, blocking};
use crate::text::{json_value, time_text};
use crate::{hub, import, issuers, network, parcel, peers};

/// The largest record taken by `put`, in bytes.
const RECORD_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Records with conflicts asked for at once.
const CONFLICTS_PAGE: usize = 200;

/// Versions asked for at once.
const HISTORY_PAGE: u32 = 500;

/// Carries out one request.
///
/// # Errors
/// What went wrong, for the operator.
pub async fn execute(
    node: &Node,
    request: AdminRequest,
    exchange: Exchange,
) -> Result<AdminResponse, NodeError> {
    let mut response = carry_out(node, request, exchange).await?;
    if let Some(warnings) = warnings_of(&mut response) {
        warnings.extend(peers::revocation(node).await);
    }
    Ok(response)
}

/// Where an answer says what an operator should know: what is written or made on a node that was revoked goes nowhere.
fn warnings_of(response: &mut AdminResponse) -> Option<&mut Vec<String>> {
    match response {
        AdminResponse::Invite(report) => Some(&mut report.warnings),
        AdminResponse::Import(report) => Some(&mut report.warnings),
        AdminResponse::Written(report) => Some(&mut report.warnings),
        AdminResponse::ParcelTaken(report) => Some(&mut report.warnings),
        _ => None,
    }
}

async fn carry_out(
    node: &Node,
    request: AdminRequest,
    exchange: Exchange,
) -> Result<AdminResponse, NodeError> {
    match request {
        AdminRequest::Status => status::status(node).await.map(AdminResponse::Status),
        AdminRequest::PeerList => network::peers(node).await.map(AdminResponse::Peers),
        AdminRequest::HubStatus { stale_days } => {
            hub::hub_status(node, stale_days).await.map(AdminResponse::Hub)
        }
        AdminRequest::Invite {
            role,
            ttl_seconds,
            addresses,
        } => network::invite(node, &role, ttl_seconds, addresses)
            .await
            .map(AdminResponse::Invite),
        AdminRequest::PeerRevoke { node: name } => {
            network::revoke(node, &name).await.map(AdminResponse::Revoked)
        }
        AdminRequest::IssuerList | AdminRequest::IssuerAdd { .. } | AdminRequest::IssuerEnd { .. } => {
            issuers::execute(node, request).await
        }
        AdminRequest::RootExport { passphrase } => {
            let (file, words) = network::root_export(node, passphrase).await?;
            send(&exchange.output, file.into_bytes()).await?;
            Ok(AdminResponse::Root { words })
        }
        AdminRequest::Sync { peer } => network::sync(node, peer.as_deref(), &exchange.output)
            .await
            .map(AdminResponse::Sync),
        AdminRequest::Import { ids, strict, report } => with_clinic(node, "import", move |clinic, caller| {
            let asked = import::Asked { ids, strict, report };
            import::run(clinic, caller, &asked, exchange)
        })
        .await
        .map(AdminResponse::Import),
        AdminRequest::Export => export(node, exchange).await,
        AdminRequest::ParcelWrite { to, all } => parcel::write(node, to, all, exchange)
            .await
            .map(AdminResponse::ParcelWritten),
        AdminRequest::ParcelRead => parcel::read(node, exchange).await.map(AdminResponse::ParcelTaken),
        AdminRequest::Read {
            record,
            version,
            history,
        } => {
            let text = with_clinic(node, "read", move |clinic, caller| {
                read(clinic, caller, &record, version.as_deref(), history)
            })
            .await?;
            for piece in text.as_bytes().chunks(DATA_BYTES_MAX) {
                send(&exchange.output, piece.to_vec()).await?;
            }
            Ok(AdminResponse::Done)
        }
        AdminRequest::Put { if_match } => {
            let body = body(exchange).await?;
            with_clinic(node, "put", move |clinic, caller| {
                put(clinic, caller, &body, if_match)
            })
            .await
            .map(AdminResponse::Written)
        }
        AdminRequest::ConflictList => with_clinic(node, "conflicts", conflicts)
            .await
            .map(AdminResponse::Conflicts),
        AdminRequest::ConflictResolve {
            record,
            path,
            choice,
            if_match,
        } => with_clinic(node, "resolve", move |clinic, caller| {
            resolve(clinic, caller, (&record, &path), choice, if_match.as_deref())
        })
        .await
        .map(AdminResponse::Written),
        AdminRequest::Doctor { rebuild } => status::verify(node, rebuild).await.map(AdminResponse::Doctor),
        AdminRequest::TokenCreate { .. } | AdminRequest::TokenList | AdminRequest::TokenRevoke { .. } => {
            with_clinic(node, "token", move |clinic, caller| {
                tokens::execute(clinic, caller, request)
            })
            .await
        }
    }
}

/// Runs a clinical operation as the operator, on a thread that may block.
async fn with_clinic<T: Send + 'static>(
    node: &Node,
    purpose: &str,
    work: impl FnOnce(&Clinic, &Caller) -> Result<T, NodeError> + Send + 'static,
) -> Result<T, NodeError> {
    let caller = node.operator(purpose);
    let clinic = node.clinic().clone();
    blocking(move || work(&clinic, &caller)).await
}

async fn send(output: &mpsc::Sender<Output>, bytes: Vec<u8>) -> Result<(), NodeError> {
    output.send(Output::Data(bytes)).await.map_err(|_| gone())
}

fn gone() -> NodeError {
    NodeError::Failed("the command went away".to_owned())
}

fn key(text: &str) -> Result<RecordKey, NodeError> {
    text.parse()
        .map_err(|_| NodeError::Usage(format!("'{}' is no Type/id", text.escape_default())))
}

fn read(
    clinic: &Clinic,
    caller: &Caller,
    record: &str,
    version: Option<&str>,
    history: bool,
) -> Result<String, NodeError> {
    let key = key(record)?;
    if history {
        return record_history(clinic, caller, &key);
    }
    let current = match version {
        Some(version) => clinic.record_vread(caller, &key, version),
        None => clinic.record_read(caller, &key),
    };
    Ok(current.map_err(|error| record_error(&error))?.json.pretty())
}

/// The versions that have been current here, newest first, as a history Bundle.
fn record_history(clinic: &Clinic, caller: &Caller, key: &RecordKey) -> Result<String, NodeError> {
    let mut entries = Vec::new();
    let mut cursor: Option<String> = None;
    loop {
        let of = HistoryOf::Record(key.clone());
        let page = clinic
            .record_history(caller, &of, None, cursor.as_deref(), Some(HISTORY_PAGE))
            .map_err(|error| record_error(&error))?;
        entries.extend(page.entries.into_iter().map(history_entry));
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    if entries.is_empty() {
        return Err(NodeError::Failed(format!("{key} is not known here")));
    }
    let total = entries.len() as u64;
    let mut bundle = chaski_json::Object::new();
    bundle.insert("resourceType".to_owned(), Json::from("Bundle"));
    bundle.insert("type".to_owned(), Json::from("history"));
    bundle.insert("total".to_owned(), Json::from(total));
    bundle.insert("entry".to_owned(), Json::Array(entries));
    Ok(Json::Object(bundle).pretty())
}

fn history_entry(entry: chaski_store::HistoryEntry) -> Json {
    let method = match (entry.deleted, entry.created) {
        (true, _) => "DELETE",
        (false, true) => "POST",
        (false, false) => "PUT",
    };
    let object = |pairs: Vec<(&str, Json)>| {
        Json::Object(
            pairs
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect(),
        )
    };
    let request = object(vec![
        ("method", Json::from(method)),
        ("url", Json::from(entry.key.to_string().as_str())),
    ]);
    let response = object(vec![
        ("etag", Json::from(format!("W/\"{}\"", entry.version).as_str())),
        (
            "lastModified",
            Json::from(time_text(entry.last_updated_ms).as_str()),
        ),
        ("status", Json::from(if entry.created { "201" } else { "200" })),
    ]);
    let mut pairs = vec![("request", request), ("response", response)];
    if let Some(json) = entry.json {
        pairs.push(("resource", json));
    }
    object(pairs)
}

async fn body(mut exchange: Exchange) -> Result<Vec<u8>, NodeError> {
    let mut body = Vec::new();
    loop {
        match exchange.input.recv().await {
            Some(Input::File(_)) => {}
            Some(Input::Data(bytes)) => {
                body.extend_from_slice(&bytes);
                if body.len() > RECORD_BYTES_MAX {
                    return Err(NodeError::Failed("the record is over 64 MiB".to_owned()));
                }
            }
            Some(Input::End) => return Ok(body),
            None => return Err(gone()),
        }
    }
}

fn put(
    clinic: &Clinic,
    caller: &Caller,
    body: &[u8],
    if_match: Option<String>,
) -> Result<WrittenReport, NodeError> {
    let json = chaski_json::parse(body, &Limits::default())
        .map_err(|error| NodeError::Failed(format!("this is no JSON that can be taken: {error}")))?;
    let kind = json
        .get("resourceType")
        .and_then(Json::as_str)
        .unwrap_or_default()
        .to_owned();
    let id = json
        .get("id")
        .and_then(Json::as_str)
        .unwrap_or_default()
        .to_owned();
    let written = if id.is_empty() && !kind.is_empty() {
        clinic.record_create(caller, json, &chaski_clinic::record::CreateOptions::default())
    } else {
        // The command line merges with what others have written since the version that was read.
        let options = UpdateOptions {
            if_match,
            merge: true,
            ..UpdateOptions::default()
        };
        clinic.record_update(caller, &kind, &id, json, &options)
    };
    let written = written.map_err(|error| record_error(&error))?;
    Ok(WrittenReport {
        record: written.key.to_string(),
        version: written.version.to_string(),
        created: written.created,
        unchanged: written.unchanged,
        apart: Vec::new(),
        warnings: Vec::new(),
    })
}

fn conflicts(clinic: &Clinic, caller: &Caller) -> Result<Vec<ConflictReport>, NodeError> {
    let mut reports = Vec::new();
    let mut cursor: Option<String> = None;
    loop {
        let page = clinic
            .conflict_list(caller, cursor.as_deref(), CONFLICTS_PAGE)
            .map_err(|error| conflict_error(&error))?;
        reports.extend(page.rows.into_iter().map(conflict_report));
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    reports.sort_by(|a, b| (&a.record, &a.path).cmp(&(&b.record, &b.path)));
    Ok(reports)
}

fn conflict_report(row: chaski_clinic::conflict::ConflictRow) -> ConflictReport {
    let values = row
        .values
        .into_iter()
        .map(|value| ConflictValueReport {
            value: value
                .value
                .map_or(serde_json::Value::Null, |json| json_value(&json)),
            site: value
                .author
                .label
                .site
                .filter(|site| !site.is_empty())
                .unwrap_or(value.author.label.name),
            author: value.author.node,
            user: value.author.user,
            time: time_text(value.author.written_ms),
            version: value.change,
        })
        .collect();
    ConflictReport {
        record: row.record,
        version: row.version,
        path: row.path,
        values,
    }
}

fn conflict_error(error: &ConflictError) -> NodeError {
    match error {
        ConflictError::Record(record) => record_error(record),
        ConflictError::NoSuchValue(_) => NodeError::Usage(error.to_string()),
        other => NodeError::Failed(other.to_string()),
    }
}

fn resolve(
    clinic: &Clinic,
    caller: &Caller,
    (record, path): (&str, &str),
    choice: ResolveChoice,
    listed: Option<&str>,
) -> Result<WrittenReport, NodeError> {
    let key = key(record)?;
    let choice = match choice {
        ResolveChoice::Pick(number) => Choice::Pick(number),
        ResolveChoice::Value(text) => {
            let json = chaski_json::parse(text.as_bytes(), &Limits::default())
                .map_err(|error| NodeError::Usage(format!("--value is no JSON: {error}")))?;
            Choice::Value(json)
        }
    };
    let decided = clinic
        .conflict_resolve(caller, &key, path, choice, listed)
        .map_err(|error| match error {
            ConflictError::Changed => NodeError::Failed(format!(
                "{key} has changed since its conflicts were listed, and nothing was decided: list them again \
                 with `chaski conflicts`"
            )),
            ConflictError::NotOpen => NodeError::Failed(format!(
                "{key} has no open conflict at this path: `chaski conflicts` lists those that are open"
            )),
            other => conflict_error(&other),
        })?;
    Ok(WrittenReport {
        record: key.to_string(),
        version: decided.version,
        created: false,
        unchanged: false,
        apart: decided.apart,
        warnings: Vec::new(),
    })
}

async fn export(node: &Node, exchange: Exchange) -> Result<AdminResponse, NodeError> {
    let output = exchange.output;
    with_clinic(node, "export", move |clinic, caller| {
        let mut pieces = Pieces::new(output.clone());
        let report = clinic
            .record_export(caller, &mut pieces, &mut |done, total| {
                let progress = Progress {
                    stage: "exporting records".to_owned(),
                    done,
                    total: Some(total),
                    wait: None,
                };
                let _lost = output.try_send(Output::Progress(progress));
            })
            .map_err(|error| record_error(&error))?;
        pieces.flush().map_err(|_| gone())?;
        Ok(AdminResponse::Exported {
            records: report.records,
        })
    })
    .await
}
