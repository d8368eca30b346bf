//! Parcels for the pages: what `chaski parcel` does, for somebody signed in.
//!
//! Invariant: only through the network side at work; nothing is kept of a file but what was taken in.

use std::io::{Read, Write};

use chaski_clinic::record::RecordError;
use chaski_clinic::{Caller, Clinic};
use chaski_net::parcel::{Access, FormatError, ParcelError, Party, Wanted, recipients};
use chaski_ui::{
    FileFault, ParcelFailure, ParcelRecipient, ParcelTaken, ParcelWanted, ParcelWritten, Parcels,
};
use tokio::runtime::Handle;

use crate::lifecycle::Node;
use crate::parcel::{CarryError, problem_lines, read_from, write_to};
use crate::{member, peers};

/// Hex digits of a node's key that name it in a form: no two nodes share so many.
const KEY_DIGITS: usize = 32;

/// A node's parcels as its pages ask for them.
pub struct PageParcels {
    node: Node,
    runtime: Handle,
}

impl PageParcels {
    /// Over `node`, on the runtime that its network side is on.
    pub fn new(node: Node) -> Self {
        Self {
            node,
            runtime: Handle::current(),
        }
    }

    fn access(&self) -> Result<Access, ParcelFailure> {
        let net = self.runtime.block_on(self.node.net_running());
        // Without one the node is stopping.
        let net = net.ok_or(ParcelFailure::Unavailable)?;
        Access::running(self.node.store(), net, self.runtime.clone())
            .map_err(|error| parcel_failure(self.node.clinic(), error))
    }

    fn failure(&self, error: CarryError) -> ParcelFailure {
        match error {
            CarryError::Clinic(RecordError::Denied(_)) => ParcelFailure::Denied,
            CarryError::Clinic(RecordError::DiskFull) => ParcelFailure::DiskFull,
            CarryError::Clinic(error) => internal(self.node.clinic(), &error),
            CarryError::Parcel(error) => parcel_failure(self.node.clinic(), error),
        }
    }
}

impl Parcels for PageParcels {
    fn parcel_recipients(&self) -> Result<Vec<ParcelRecipient>, ParcelFailure> {
        let (able, over) =
            recipients(self.access()?).map_err(|error| parcel_failure(self.node.clinic(), error))?;
        let own = member::membership(self.node.store());
        let own = own.map_err(|error| internal(self.node.clinic(), &error))?;
        let all = able.iter().chain(&over);
        let named = all.map(|party| (party.node, party.name.as_str()));
        let marks = peers::marks(named.chain([(own.node, own.name.as_str())]).collect());
        let recipient = |is_over: bool| {
            let marks = &marks;
            move |party: &Party| ParcelRecipient {
                key: party.node.to_string().chars().take(KEY_DIGITS).collect(),
                mark: marks.get(&party.node).cloned(),
                name: party.name.clone(),
                is_over,
            }
        };
        let able = able.iter().map(recipient(false));
        Ok(able.chain(over.iter().map(recipient(true))).collect())
    }

    fn parcel_write(
        &self,
        caller: &Caller,
        wanted: &ParcelWanted,
        out: &mut dyn Write,
    ) -> Result<ParcelWritten, ParcelFailure> {
        let access = self.access()?;
        let clinic = self.node.clinic();
        let wanted = Wanted {
            to: wanted.to.clone(),
            all: wanted.all,
        };
        let written = write_to((clinic, caller), access, &wanted, out, &mut |_, _| {});
        let written = written.map_err(|error| self.failure(error))?;
        Ok(ParcelWritten {
            to: written.recipients.into_iter().map(|party| party.name).collect(),
            records: written.report.records,
        })
    }

    fn parcel_read(&self, caller: &Caller, file: &mut dyn Read) -> Result<ParcelTaken, ParcelFailure> {
        let access = self.access()?;
        let clinic = self.node.clinic();
        let taken =
            read_from((clinic, caller), access, file, &mut |_| {}).map_err(|error| self.failure(error))?;
        let report = taken.report;
        Ok(ParcelTaken {
            from: taken.sender.name,
            made_ms: taken.made_ms,
            records: report.records,
            changes: report.changes,
            new_records: report.new_records,
            refused: report.refused,
            quarantined: report.quarantined,
            awaiting: report.awaiting,
            in_sync: report.holds_all == Some(true),
            gap: report.gap,
            fault: report.fault.as_ref().map(fault),
            problems: problem_lines(report.problems),
        })
    }
}

fn parcel_failure(clinic: &Clinic, error: ParcelError) -> ParcelFailure {
    match error {
        ParcelError::Format(format) => ParcelFailure::File(fault(&format)),
        ParcelError::Stranger(name) => ParcelFailure::Stranger(name),
        ParcelError::Revoked(name) => ParcelFailure::Revoked(name),
        ParcelError::Recipient(_) => ParcelFailure::Recipients,
        ParcelError::Full => ParcelFailure::DiskFull,
        ParcelError::Awaiting => ParcelFailure::Awaiting,
        ParcelError::File(_) => ParcelFailure::Interrupted,
        ParcelError::Node(_) => internal(clinic, &error),
    }
}

fn fault(error: &FormatError) -> FileFault {
    match error {
        FormatError::NotAParcel => FileFault::NotAParcel,
        FormatError::Empty => FileFault::Empty,
        FormatError::Version(_) => FileFault::Version,
        FormatError::OtherNetwork => FileFault::OtherNetwork,
        FormatError::NotForThisNode => FileFault::NotForThisNode,
        FormatError::OwnParcel => FileFault::Own,
        FormatError::Altered | FormatError::Signature => FileFault::Altered,
        FormatError::Cut => FileFault::Cut,
        FormatError::Extended => FileFault::Extended,
        FormatError::Malformed(_) | FormatError::TooMany(_) | FormatError::Key => FileFault::Malformed,
    }
}

fn internal(clinic: &Clinic, error: &dyn std::fmt::Display) -> ParcelFailure {
    let reference = format!("{:016x}", clinic.operation_id());
    tracing::error!(%error, reference, "a page met an error of a parcel");
    ParcelFailure::Internal(reference)
}
