//! One request to the node of a directory, with its input and output streams.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use chaski_node::admin::{AdminRequest, AdminResponse, DATA_BYTES_MAX, Exchange, Input, Output};
use chaski_node::{KeyOptions, NodeError, Target, default_data};
use tokio::sync::mpsc;

use crate::args::{Key, Place};
use crate::output::Failure;
use crate::progress::Bar;

/// What a request's data comes from.
pub enum Source {
    Nothing,
    Files(Vec<PathBuf>),
    /// What was read before the node was opened, and what it is called.
    Read(String, Vec<u8>),
}

/// Most bytes of standard input that are read before a node is opened: more than any record has.
const STDIN_BYTES_MAX: u64 = 64 * 1024 * 1024;

impl Source {
    /// One record. Standard input is read first: what writes to it may have the same node open.
    pub fn record(file: PathBuf) -> Result<Source, NodeError> {
        if file != Path::new("-") {
            return Ok(Source::Files(vec![file]));
        }
        let mut bytes = Vec::new();
        let mut stdin = std::io::stdin().lock().take(STDIN_BYTES_MAX);
        stdin
            .read_to_end(&mut bytes)
            .map_err(|error| NodeError::io("reading -", &error))?;
        Ok(Source::Read("-".to_owned(), bytes))
    }
}

/// The directory a command is about.
pub fn data(place: &Place) -> Result<PathBuf, Failure> {
    match &place.data {
        Some(data) => {
            Ok(std::path::absolute(data).map_err(|error| NodeError::io("finding the directory", &error))?)
        }
        None => Ok(default_data()?),
    }
}

/// The key as given by flags, else by the environment.
pub fn key(key: &Key) -> KeyOptions {
    if key.passphrase_file.is_some() || key.key_file.is_some() || key.unsealed {
        return KeyOptions {
            passphrase_file: key.passphrase_file.clone(),
            key_file: key.key_file.clone(),
            unsealed: key.unsealed,
        };
    }
    let from_env = |name| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    let passphrase_file = from_env("CHASKI_PASSPHRASE_FILE");
    // With both set the passphrase is meant: it is the stronger of the two.
    let key_file = if passphrase_file.is_some() {
        None
    } else {
        from_env("CHASKI_KEY_FILE")
    };
    KeyOptions {
        passphrase_file,
        key_file,
        unsealed: false,
    }
}

/// Asks, sending `source` as input and what comes back as data to `sink`.
pub async fn ask(
    place: &Place,
    request: AdminRequest,
    source: Source,
    sink: &mut (dyn Write + Send),
) -> Result<AdminResponse, Failure> {
    ask_at(open(place).await?, request, source, sink, Bar::default()).await
}

/// The node of a directory.
pub async fn open(place: &Place) -> Result<Target, Failure> {
    Ok(Target::open(&data(place)?, &key(&place.key)).await?)
}

/// As [`ask`], of a node that was found, with a bar of the caller's.
pub async fn ask_at(
    target: Target,
    request: AdminRequest,
    source: Source,
    sink: &mut (dyn Write + Send),
    mut bar: Bar,
) -> Result<AdminResponse, Failure> {
    let (exchange, input, mut output) = Exchange::pair();
    let feeding = tokio::task::spawn_blocking(move || feed(source, &input));
    let call = target.call(request, exchange);
    tokio::pin!(call);
    let mut open = true;
    let response = loop {
        tokio::select! {
            biased;
            piece = output.recv(), if open => match piece {
                Some(Output::Progress(progress)) => bar.show(&progress),
                Some(Output::Data(bytes)) => sink.write_all(&bytes).map_err(Failure::Output)?,
                None => open = false,
            },
            response = &mut call => {
                // What was sent before the response and not yet taken.
                while let Ok(piece) = output.try_recv() {
                    if let Output::Data(bytes) = piece {
                        sink.write_all(&bytes).map_err(Failure::Output)?;
                    }
                }
                break response;
            }
        }
    };
    drop(bar);
    drop(output);
    // Unreadable input is the cause where it makes the call fail.
    if (feeding.is_finished() || response.is_ok())
        && let Ok(Err(error)) = feeding.await
    {
        return Err(error.into());
    }
    Ok(response?)
}

/// A request without streams.
pub async fn ask_plain(place: &Place, request: AdminRequest) -> Result<AdminResponse, Failure> {
    ask(place, request, Source::Nothing, &mut std::io::sink()).await
}

/// A reply of another kind than was asked for: a node of another version.
pub fn unexpected() -> Failure {
    NodeError::Failed("the node's answer is of an unexpected kind; is it of this version?".to_owned()).into()
}

fn feed(source: Source, input: &mpsc::Sender<Input>) -> Result<(), NodeError> {
    if let Source::Files(files) = source {
        for file in files {
            feed_file(&file, input)?;
        }
    } else if let Source::Read(name, bytes) = source {
        feed_all(&name, &mut bytes.as_slice(), input)?;
    }
    // A closed channel means that the node has answered already.
    let _answered = input.blocking_send(Input::End);
    Ok(())
}

fn feed_file(file: &Path, input: &mpsc::Sender<Input>) -> Result<(), NodeError> {
    let about = |error| NodeError::io(&format!("reading {}", file.display()), &error);
    let mut reader: Box<dyn Read> = if file == Path::new("-") {
        Box::new(std::io::stdin().lock())
    } else {
        Box::new(std::fs::File::open(file).map_err(about)?)
    };
    feed_all(&file.display().to_string(), &mut reader, input)
}

fn feed_all(name: &str, reader: &mut dyn Read, input: &mpsc::Sender<Input>) -> Result<(), NodeError> {
    let about = |error| NodeError::io(&format!("reading {name}"), &error);
    if input.blocking_send(Input::File(name.to_owned())).is_err() {
        return Ok(());
    }
    loop {
        let mut piece = Vec::with_capacity(DATA_BYTES_MAX);
        let count = reader
            .take(DATA_BYTES_MAX as u64)
            .read_to_end(&mut piece)
            .map_err(about)?;
        if count == 0 || input.blocking_send(Input::Data(piece)).is_err() {
            return Ok(());
        }
    }
}
