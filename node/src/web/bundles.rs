//! Bundles for the pages: what `chaski bundle` does, for somebody signed in.
//!
//! Invariant: only through the network side at work; nothing is kept of a file but what was taken in.

use std::io::{Read, Write};

use chaski_clinic::record::RecordError;
use chaski_clinic::{Caller, Clinic};
use chaski_net::bundle::{Access, BundleError, FormatError, Party, Wanted, recipients};
use chaski_ui::{
    BundleFailure, BundleRecipient, BundleTaken, BundleWanted, BundleWritten, Bundles, FileFault,
};
use tokio::runtime::Handle;

use crate::bundle::{CarryError, problem_lines, read_from, write_to};
use crate::lifecycle::Node;
use crate::network;

/// Hex digits of a node's key that name it in a form: no two nodes share so many.
const KEY_DIGITS: usize = 32;

/// A node's bundles as its pages ask for them.
pub struct PageBundles {
    node: Node,
    runtime: Handle,
}

impl PageBundles {
    /// Over `node`, on the runtime that its network side is on.
    pub fn new(node: Node) -> Self {
        Self {
            node,
            runtime: Handle::current(),
        }
    }

    fn access(&self) -> Result<Access, BundleFailure> {
        let net = self.runtime.block_on(self.node.net_running());
        // Without one the node is stopping.
        let net = net.ok_or(BundleFailure::Unavailable)?;
        Access::running(self.node.store(), net, self.runtime.clone())
            .map_err(|error| bundle_failure(self.node.clinic(), error))
    }

    fn failure(&self, error: CarryError) -> BundleFailure {
        match error {
            CarryError::Clinic(RecordError::Denied(_)) => BundleFailure::Denied,
            CarryError::Clinic(RecordError::DiskFull) => BundleFailure::DiskFull,
            CarryError::Clinic(error) => internal(self.node.clinic(), &error),
            CarryError::Bundle(error) => bundle_failure(self.node.clinic(), error),
        }
    }
}

impl Bundles for PageBundles {
    fn bundle_recipients(&self) -> Result<Vec<BundleRecipient>, BundleFailure> {
        let (able, over) =
            recipients(self.access()?).map_err(|error| bundle_failure(self.node.clinic(), error))?;
        let own = network::membership(self.node.store());
        let own = own.map_err(|error| internal(self.node.clinic(), &error))?;
        let all = able.iter().chain(&over);
        let named = all.map(|party| (party.node, party.name.as_str()));
        let marks = network::marks(named.chain([(own.node, own.name.as_str())]).collect());
        let recipient = |is_over: bool| {
            let marks = &marks;
            move |party: &Party| BundleRecipient {
                key: party.node.to_string().chars().take(KEY_DIGITS).collect(),
                mark: marks.get(&party.node).cloned(),
                name: party.name.clone(),
                is_over,
            }
        };
        let able = able.iter().map(recipient(false));
        Ok(able.chain(over.iter().map(recipient(true))).collect())
    }

    fn bundle_write(
        &self,
        caller: &Caller,
        wanted: &BundleWanted,
        out: &mut dyn Write,
    ) -> Result<BundleWritten, BundleFailure> {
        let access = self.access()?;
        let clinic = self.node.clinic();
        let wanted = Wanted {
            to: wanted.to.clone(),
            all: wanted.all,
        };
        let written = write_to((clinic, caller), access, &wanted, out, &mut |_, _| {});
        let written = written.map_err(|error| self.failure(error))?;
        Ok(BundleWritten {
            to: written.recipients.into_iter().map(|party| party.name).collect(),
            records: written.report.records,
        })
    }

    fn bundle_read(&self, caller: &Caller, file: &mut dyn Read) -> Result<BundleTaken, BundleFailure> {
        let access = self.access()?;
        let clinic = self.node.clinic();
        let taken =
            read_from((clinic, caller), access, file, &mut |_| {}).map_err(|error| self.failure(error))?;
        let report = taken.report;
        Ok(BundleTaken {
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

fn bundle_failure(clinic: &Clinic, error: BundleError) -> BundleFailure {
    match error {
        BundleError::Format(format) => BundleFailure::File(fault(&format)),
        BundleError::Stranger(name) => BundleFailure::Stranger(name),
        BundleError::Revoked(name) => BundleFailure::Revoked(name),
        BundleError::Recipient(_) => BundleFailure::Recipients,
        BundleError::Full => BundleFailure::DiskFull,
        BundleError::Awaiting => BundleFailure::Awaiting,
        BundleError::File(_) => BundleFailure::Interrupted,
        BundleError::Node(_) => internal(clinic, &error),
    }
}

fn fault(error: &FormatError) -> FileFault {
    match error {
        FormatError::NotABundle => FileFault::NotABundle,
        FormatError::Empty => FileFault::Empty,
        FormatError::Version(_) => FileFault::Version,
        FormatError::OtherNetwork => FileFault::OtherNetwork,
        FormatError::NotForThisNode => FileFault::NotForThisNode,
        FormatError::OwnBundle => FileFault::Own,
        FormatError::Altered | FormatError::Signature => FileFault::Altered,
        FormatError::Cut => FileFault::Cut,
        FormatError::Extended => FileFault::Extended,
        FormatError::Malformed(_) | FormatError::TooMany(_) | FormatError::Key => FileFault::Malformed,
    }
}

fn internal(clinic: &Clinic, error: &dyn std::fmt::Display) -> BundleFailure {
    let reference = format!("{:016x}", clinic.operation_id());
    tracing::error!(%error, reference, "a page met an error of a bundle");
    BundleFailure::Internal(reference)
}
