//! Parcels as an operator or a page asks for them: through the clinic's door, over `chaski-net`, streamed
//! like an import or an export.
//!
//! Invariants: for whom a parcel is, or from whom, is in the audit before its first byte moves; no parcel
//! is held whole here; where the network side runs, what a parcel says of peers goes through it.

use std::io::{Read, Write};

use chaski_clinic::record::RecordError;
use chaski_clinic::{Action, Caller, Clinic};
use chaski_net::parcel::{
    Access, FormatError, Incoming, Outgoing, ParcelError, Party, ReadReport, Wanted, WriteReport,
};
use chaski_net::{PeerInfo, Refused};
use chaski_store::{Env, SystemEnv};
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use crate::admin::{
    Exchange, Output, ParcelReadReport, ParcelWriteReport, Pieces, Progress, RecipientReport,
};
use crate::error::{NodeError, record_error};
use crate::import::{FileReader, next_file};
use crate::lifecycle::{Node, blocking};
use crate::names::check_named;
use crate::text::time_text;
use crate::{hub, peers};

/// Why a parcel was not written or not taken in.
pub enum CarryError {
    /// The clinic's door.
    Clinic(RecordError),
    /// The network's side.
    Parcel(ParcelError),
}

impl From<RecordError> for CarryError {
    fn from(error: RecordError) -> Self {
        Self::Clinic(error)
    }
}

impl From<ParcelError> for CarryError {
    fn from(error: ParcelError) -> Self {
        Self::Parcel(error)
    }
}

impl From<CarryError> for NodeError {
    fn from(carry: CarryError) -> Self {
        match carry {
            CarryError::Clinic(refused) => record_error(&refused),
            CarryError::Parcel(failure) => error(failure),
        }
    }
}

/// A parcel that was written.
pub struct Written {
    /// The nodes that the parcel is for.
    pub recipients: Vec<Party>,
    since_ms: Option<u64>,
    /// What is in it.
    pub report: WriteReport,
}

/// A parcel that was taken in.
pub struct Taken {
    /// Who wrote it.
    pub sender: Party,
    /// When, by that node's clock.
    pub made_ms: u64,
    /// What it brought.
    pub report: ReadReport,
}

/// Writes a parcel. Blocks: not for async threads.
///
/// # Errors
/// When a recipient may not receive, the policy refuses, the store or `out` fails.
pub fn write_to(
    (clinic, caller): (&Clinic, &Caller),
    access: Access,
    wanted: &Wanted,
    out: &mut dyn Write,
    tell: &mut dyn FnMut(u64, Option<u64>),
) -> Result<Written, CarryError> {
    clinic.parcel_ask(caller, Action::ParcelWrite)?;
    let outgoing = Outgoing::choose(access, wanted)?;
    let recipients = outgoing.recipients().to_vec();
    let since_ms = outgoing.since_ms();
    let names: Vec<String> = recipients.iter().map(named).collect();
    clinic.parcel_write(caller, &names)?;
    Ok(Written {
        recipients,
        since_ms,
        report: outgoing.write(out, tell)?,
    })
}

/// Takes a parcel in. Blocks: not for async threads.
///
/// # Errors
/// When it is none, or not for this node; when its sender is no member, the policy refuses, the disk is
/// full, the store or `file` fails.
pub fn read_from(
    (clinic, caller): (&Clinic, &Caller),
    access: Access,
    file: &mut dyn Read,
    tell: &mut dyn FnMut(u64),
) -> Result<Taken, CarryError> {
    // Opening it already takes in what it says of the network's members.
    clinic.parcel_ask(caller, Action::ParcelRead)?;
    let incoming = Incoming::open(access, file)?;
    let (sender, made_ms) = (incoming.sender(), incoming.made_ms());
    clinic.parcel_read(caller, &named(&sender))?;
    Ok(Taken {
        sender,
        made_ms,
        report: incoming.take(tell)?,
    })
}

/// Writes a parcel to the exchange's output.
///
/// # Errors
/// When a recipient may not receive, the policy refuses, the store fails or the command went away.
pub async fn write(
    node: &Node,
    to: Vec<String>,
    all: bool,
    exchange: Exchange,
) -> Result<ParcelWriteReport, NodeError> {
    for name in &to {
        check_named(name)?;
    }
    let (ground, infos) = peers::ground(node).await?;
    let warnings = hub::own_warnings(&ground, &infos);
    let left_out = match to.is_empty() {
        true => left_out(infos, SystemEnv.now_ms()),
        false => Vec::new(),
    };
    let work = move |clinic: &Clinic, caller: &Caller, access: Access| {
        let output = exchange.output;
        let mut pieces = Pieces::new(output.clone());
        let mut tell = |done, total| progress(&output, "records written", done, total);
        let wanted = Wanted { to, all };
        let written = write_to((clinic, caller), access, &wanted, &mut pieces, &mut tell)?;
        Ok(ParcelWriteReport {
            recipients: written.recipients.into_iter().map(recipient).collect(),
            records: written.report.records,
            changes: written.report.changes,
            bytes: written.report.bytes,
            since: written.since_ms.map(time_text),
            left_out,
            warnings,
        })
    };
    on_thread(node, "parcel", work).await
}

/// Takes in the parcel of the exchange's input.
///
/// # Errors
/// When it is none, or not for this node; when its sender is no member, the policy refuses, the disk is
/// full, the store fails or the command went away.
pub async fn read(node: &Node, mut exchange: Exchange) -> Result<ParcelReadReport, NodeError> {
    let work = move |clinic: &Clinic, caller: &Caller, access: Access| {
        if next_file(&mut exchange.input)?.is_none() {
            return Err(NodeError::Usage("no file was named".to_owned()));
        }
        let mut file = FileReader::new(&mut exchange.input);
        let mut tell = |done| progress(&exchange.output, "records read", done, None);
        match read_from((clinic, caller), access, &mut file, &mut tell) {
            Ok(taken) => Ok(report(taken)),
            Err(CarryError::Parcel(failure)) => unread(failure),
            Err(error) => Err(error.into()),
        }
    };
    on_thread(node, "parcel", work).await
}

/// Runs work that blocks, as the operator, with the way to the engine that is at work or to one of its own.
async fn on_thread<T: Send + 'static>(
    node: &Node,
    purpose: &str,
    work: impl FnOnce(&Clinic, &Caller, Access) -> Result<T, NodeError> + Send + 'static,
) -> Result<T, NodeError> {
    let caller = node.operator(purpose);
    let (clinic, store) = (node.clinic().clone(), node.store().clone());
    let net = node.net_running().await;
    let runtime = Handle::current();
    blocking(move || {
        let access = match net {
            Some(net) => Access::running(&store, net, runtime),
            None => Access::own(&store),
        };
        work(&clinic, &caller, access.map_err(error)?)
    })
    .await
}

fn progress(output: &mpsc::Sender<Output>, stage: &str, done: u64, total: Option<u64>) {
    // It may be lost where it isn't taken in time; the next one says more anyway.
    let _lost = output.try_send(Output::Progress(Progress {
        stage: stage.to_owned(),
        done,
        total,
        wait: None,
    }));
}

fn named(party: &Party) -> String {
    format!("{} ({})", party.name, party.node.short())
}

/// Of all members those that no file can be for, as their grant is over.
fn left_out(infos: Vec<PeerInfo>, now_ms: u64) -> Vec<RecipientReport> {
    let is_over = |peer: &PeerInfo| !peer.revoked && peer.grant_ends_ms.is_some_and(|ms| ms <= now_ms);
    let over = infos.into_iter().filter(is_over);
    over.map(|peer| RecipientReport {
        node: peer.node.to_string(),
        name: peer.name,
    })
    .collect()
}

fn recipient(party: Party) -> RecipientReport {
    RecipientReport {
        node: party.node.to_string(),
        name: party.name,
    }
}

/// What was refused or set aside, a line each.
pub fn problem_lines(problems: Vec<Refused>) -> Vec<String> {
    let line = |one: Refused| format!("{}: {}", one.record, one.reason);
    problems.into_iter().map(line).collect()
}

fn report(taken: Taken) -> ParcelReadReport {
    let Taken {
        sender,
        made_ms,
        report: taken,
    } = taken;
    ParcelReadReport {
        from: Some(sender.node.to_string()),
        name: Some(sender.name),
        made: Some(time_text(made_ms)),
        records: taken.records,
        changes: taken.changes,
        new_records: taken.new_records,
        refused: taken.refused,
        quarantined: taken.quarantined,
        awaiting: taken.awaiting,
        in_sync: taken.holds_all,
        gap: taken.gap,
        fault: taken.fault.map(|fault| fault.to_string()),
        problems: problem_lines(taken.problems),
        not_for_this_node: false,
        warnings: Vec::new(),
    }
}

/// What is told of a file of which nothing was taken in, as of one that was cut later.
///
/// # Errors
/// Where that is not for what the file is.
fn unread(failure: ParcelError) -> Result<ParcelReadReport, NodeError> {
    use FormatError::{NotForThisNode, OwnParcel};
    let is_of_file = matches!(
        failure,
        ParcelError::Format(_) | ParcelError::Stranger(_) | ParcelError::Revoked(_)
    );
    let not_for_this_node = matches!(failure, ParcelError::Format(NotForThisNode | OwnParcel));
    let error = error(failure);
    if !is_of_file {
        return Err(error);
    }
    Ok(ParcelReadReport {
        fault: Some(error.to_string()),
        not_for_this_node,
        ..ParcelReadReport::default()
    })
}

/// What a parcel's error means to the operator.
fn error(error: ParcelError) -> NodeError {
    let text = error.to_string();
    NodeError::Failed(match error {
        ParcelError::Format(FormatError::NotForThisNode) => {
            return NodeError::Key(format!(
                "{text}: whoever wrote it names this node with --to, or writes it for all by naming none"
            ));
        }
        ParcelError::Format(FormatError::OwnParcel) => {
            return NodeError::Key(format!("{text}: the nodes that it names with --to read it"));
        }
        ParcelError::Format(FormatError::NotAParcel) => {
            format!("{text}; FHIR records are taken in with chaski import")
        }
        ParcelError::Full => format!("{text}; what was taken in by then is kept"),
        ParcelError::Awaiting => format!(
            "{text}; what was taken in by then is kept: sync with a node that knows them, then read the file again"
        ),
        ParcelError::File(_) => {
            "interrupted: what was taken in is kept, and the command can be given again".to_owned()
        }
        _ => text,
    })
}

#[cfg(test)]
mod tests;
