//! Import: the files of a command, piece by piece, decompressed, handed to the clinic.
//!
//! Invariants: no file is held whole here, what was read waits sealed in a file without a name; a file that can't be taken is reported and the next one is
//! tried; when the command goes away, what it was told of as done is done and the rest can be repeated.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::time::Instant;

use chaski_clinic::record::{ImportError, ImportNote, ImportOptions, ImportProgress, NoteKind};
use chaski_clinic::{Caller, Clinic};
use chaski_crdt::parcel::is_parcel;
use flate2::read::MultiGzDecoder;
use tokio::sync::mpsc;

use crate::admin::{Exchange, IdPolicy, ImportReport, Input, Output, Progress, RejectedRecord};
use crate::error::NodeError;
use crate::spool::SealedFile;

/// Bytes read at a time.
const BUFFER_BYTES: usize = 256 * 1024;

/// Refusals told in the answer; the rest are counted, and all are in the lines of a report.
const PROBLEMS_MAX: usize = 100;
/// Of everything else that is told: in the answer.
const OTHERS_MAX: usize = 20;

/// Takes all files of an exchange. Blocks: not for async threads.
///
/// # Errors
/// When the node can't write, the policy refuses, or the command went away.
pub fn run(
    clinic: &Clinic,
    caller: &Caller,
    asked: &Asked,
    mut exchange: Exchange,
) -> Result<ImportReport, NodeError> {
    let begun = Instant::now();
    let options = asked.options(clinic);
    let output = exchange.output.clone();
    let mut tell = |progress: ImportProgress| {
        // Progress may be lost where it isn't taken in time; the next one says more anyway.
        let (stage, done) = match progress.is_reading {
            // What is read is not taken yet: who interrupts the command is told that nothing was.
            true => (format!("{} records read; written", progress.records), 0),
            false => ("importing records".to_owned(), progress.records),
        };
        let progress = Progress {
            stage,
            done,
            total: None,
            wait: None,
        };
        let _lost = output.try_send(Output::Progress(progress));
    };
    let told = RefCell::new(Told::new(asked.report.then(|| output.clone())));
    let spool = SealedFile::create(clinic.store().dir())
        .map_err(|error| NodeError::io("making a file for what is read", &error))?;
    let mut session = clinic
        .record_import(caller, options)
        .map_err(|error| import_error(&error))?
        .spooled(Box::new(spool))
        .tell_all(|note| told.borrow_mut().take(note))
        .stop_when(|| exchange.output.is_closed());
    let mut next = next_file(&mut exchange.input)?;
    while let Some(name) = next {
        let mut reader = FileReader::new(&mut exchange.input);
        let result =
            plain(&name, &mut reader).and_then(|mut plain| session.file(&name, plain.as_mut(), &mut tell));
        next = match reader.finish() {
            After::File(name) => Some(name),
            After::End => None,
            After::Cut => return Err(cut()),
        };
        match result {
            Ok(()) => {}
            Err(error @ (ImportError::Format { .. } | ImportError::Read { .. })) => {
                let reason = text(&error);
                let reason = reason.trim_start_matches(&format!("{name}: "));
                told.borrow_mut().file(&name, reason);
            }
            Err(error) => return Err(import_error(&error)),
        }
    }
    let done = session.finish(&mut tell).map_err(|error| import_error(&error))?;
    Ok(report(done, told.into_inner(), begun))
}

/// How an import was asked for.
pub struct Asked {
    /// What to do with ids that are no UUIDs.
    pub ids: IdPolicy,
    /// Refuse what is not valid in any leaf.
    pub strict: bool,
    /// Send a line for each entry of which there is something to tell.
    pub report: bool,
}

impl Asked {
    fn options(&self, clinic: &Clinic) -> ImportOptions {
        match &self.ids {
            IdPolicy::Uuid => ImportOptions {
                id_prefix: None,
                accept_ids: clinic.settings().accept_ids,
                strict: self.strict,
            },
            IdPolicy::Prefix(prefix) => ImportOptions {
                id_prefix: Some(prefix.clone()),
                accept_ids: false,
                strict: self.strict,
            },
            IdPolicy::Accept => ImportOptions {
                id_prefix: None,
                accept_ids: true,
                strict: self.strict,
            },
        }
    }
}

fn report(done: chaski_clinic::record::ImportReport, told: Told, begun: Instant) -> ImportReport {
    ImportReport {
        records: done.records,
        created: done.created,
        updated: done.updated,
        deleted: done.deleted,
        unchanged: done.unchanged,
        kept: done.kept,
        rejected: done.refused.saturating_add(told.files),
        marked: done.marked,
        links: done.links,
        dangling: done.dangling,
        kinds: done.kinds,
        problems: told.problems(),
        milliseconds: u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
        warnings: Vec::new(),
    }
}

/// What there was to tell of single entries.
struct Told {
    /// Where all of it goes, if anywhere.
    lines: Option<mpsc::Sender<Output>>,
    /// The first of each kind.
    listed: BTreeMap<NoteKind, Vec<RejectedRecord>>,
    /// Files that could not be taken.
    files: u64,
}

impl Told {
    fn new(lines: Option<mpsc::Sender<Output>>) -> Told {
        Told {
            lines,
            listed: BTreeMap::new(),
            files: 0,
        }
    }

    fn take(&mut self, note: &ImportNote) {
        if let Some(lines) = &self.lines {
            // A command that went away is found before the next record.
            let _gone = lines.blocking_send(Output::Data(format!("{}\n", note.line()).into_bytes()));
        }
        let most = match note.what {
            NoteKind::Refused => PROBLEMS_MAX,
            _ => OTHERS_MAX,
        };
        let listed = self.listed.entry(note.what).or_default();
        if listed.len() < most {
            let path = match note.path.as_str() {
                "" => String::new(),
                path => format!("{path}: "),
            };
            listed.push(RejectedRecord {
                what: note.what.name().to_owned(),
                place: note.place.clone(),
                reason: format!("{path}{}", note.reason),
            });
        }
    }

    /// A file was refused whole.
    fn file(&mut self, name: &str, reason: &str) {
        self.files = self.files.saturating_add(1);
        self.take(&ImportNote {
            what: NoteKind::Refused,
            place: name.to_owned(),
            file: name.to_owned(),
            line: None,
            entry: String::new(),
            kind: String::new(),
            id: String::new(),
            path: String::new(),
            reason: reason.to_owned(),
        });
    }

    fn problems(self) -> Vec<RejectedRecord> {
        self.listed.into_values().flatten().collect()
    }
}

fn cut() -> NodeError {
    NodeError::Failed(
        "the import was interrupted; what was taken is kept, run it again for the rest".to_owned(),
    )
}

/// Why the file of a name can't be taken where what it is shows in its first bytes, or its content.
fn plain<'a>(name: &str, file: &'a mut FileReader<'_>) -> Result<Box<dyn BufRead + 'a>, ImportError> {
    let failed = |error: std::io::Error| ImportError::Read {
        file: name.to_owned(),
        kind: error.kind(),
    };
    let mut reader = decompressed(file).map_err(failed)?;
    if is_parcel(reader.fill_buf().map_err(failed)?) {
        return Err(ImportError::Format {
            file: name.to_owned(),
            reason: "this is a parcel of a Chaski node, no FHIR Bundle: take it in with chaski parcel read"
                .to_owned(),
        });
    }
    Ok(reader)
}

/// The name of the next file, if there is one.
///
/// # Errors
/// When the command went away.
pub fn next_file(input: &mut mpsc::Receiver<Input>) -> Result<Option<String>, NodeError> {
    match FileReader::new(input).finish() {
        After::File(name) => Ok(Some(name)),
        After::End => Ok(None),
        After::Cut => Err(cut()),
    }
}

/// An error and its causes as one line.
fn text(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}

fn import_error(error: &ImportError) -> NodeError {
    match error {
        ImportError::Prefix => NodeError::Usage(text(error)),
        ImportError::Stopped => cut(),
        _ => NodeError::Failed(text(error)),
    }
}

/// A file as it was before compression, which its first bytes tell.
fn decompressed<'a>(file: &'a mut FileReader<'_>) -> std::io::Result<Box<dyn BufRead + 'a>> {
    let mut reader = BufReader::with_capacity(BUFFER_BYTES, file);
    if reader.fill_buf()?.starts_with(&[0x1f, 0x8b]) {
        Ok(Box::new(BufReader::with_capacity(
            BUFFER_BYTES,
            MultiGzDecoder::new(reader),
        )))
    } else {
        Ok(Box::new(reader))
    }
}

/// What a file's pieces were followed by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum After {
    /// Another file, of this name.
    File(String),
    /// The end of all input.
    End,
    /// The command went away.
    Cut,
}

/// Reads one file out of the stream of input. Blocks: not for async threads.
#[derive(Debug)]
pub struct FileReader<'a> {
    input: &'a mut mpsc::Receiver<Input>,
    piece: Vec<u8>,
    at: usize,
    after: Option<After>,
}

impl<'a> FileReader<'a> {
    /// A reader of the file whose name has just been received.
    pub fn new(input: &'a mut mpsc::Receiver<Input>) -> Self {
        Self {
            input,
            piece: Vec::new(),
            at: 0,
            after: None,
        }
    }

    /// Skips what is left of the file and says what follows.
    pub fn finish(mut self) -> After {
        loop {
            match self.after.take() {
                Some(after) => return after,
                None => self.advance(),
            }
        }
    }

    fn advance(&mut self) {
        self.at = 0;
        self.piece.clear();
        match self.input.blocking_recv() {
            Some(Input::Data(bytes)) => self.piece = bytes,
            Some(Input::File(name)) => self.after = Some(After::File(name)),
            Some(Input::End) => self.after = Some(After::End),
            None => self.after = Some(After::Cut),
        }
    }
}

impl Read for FileReader<'_> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        loop {
            let left = self.piece.get(self.at..).unwrap_or_default();
            if !left.is_empty() {
                let count = left.len().min(out.len());
                if let (Some(to), Some(from)) = (out.get_mut(..count), left.get(..count)) {
                    to.copy_from_slice(from);
                }
                self.at = self.at.saturating_add(count);
                return Ok(count);
            }
            match self.after {
                Some(After::Cut) => return Err(std::io::ErrorKind::UnexpectedEof.into()),
                Some(After::File(_) | After::End) => return Ok(0),
                None => self.advance(),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    fn channel(pieces: Vec<Input>) -> mpsc::Receiver<Input> {
        let (sender, input) = mpsc::channel(16);
        for piece in pieces {
            sender.try_send(piece).unwrap();
        }
        input
    }

    #[test]
    fn a_file_ends_where_the_next_begins() {
        let mut input = channel(vec![
            Input::Data(b"{\"a\"".to_vec()),
            Input::Data(b":1}".to_vec()),
            Input::File("b".to_owned()),
            Input::Data(b"{}".to_vec()),
            Input::End,
        ]);
        let mut reader = FileReader::new(&mut input);
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        assert_eq!(text, "{\"a\":1}");
        assert_eq!(reader.finish(), After::File("b".to_owned()));
        assert_eq!(FileReader::new(&mut input).finish(), After::End);
    }

    #[test]
    fn a_cut_is_no_end() {
        let mut input = channel(vec![Input::Data(b"{".to_vec())]);
        let mut reader = FileReader::new(&mut input);
        assert!(reader.read_to_end(&mut Vec::new()).is_err());
        assert_eq!(reader.finish(), After::Cut);
    }

    #[test]
    fn gzip_is_recognised_by_its_content() {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(b"plain").unwrap();
        for bytes in [encoder.finish().unwrap(), b"plain".to_vec()] {
            let mut input = channel(vec![Input::Data(bytes), Input::End]);
            let mut reader = FileReader::new(&mut input);
            let mut text = String::new();
            decompressed(&mut reader)
                .unwrap()
                .read_to_string(&mut text)
                .unwrap();
            assert_eq!(text, "plain");
        }
    }
}
