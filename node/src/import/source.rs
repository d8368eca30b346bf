//! From the pieces of a file to JSON documents: decompression, and telling NDJSON from one document.
//!
//! Invariants: nothing is held but the document being read (a Bundle is one document); every size has a
//! bound, also after decompression; an error names file and line, never content.

use std::io::{BufRead, BufReader, Read};

use chaski_json::{Json, Limits, parse};
use flate2::read::MultiGzDecoder;
use tokio::sync::mpsc;

use crate::admin::Input;

/// The largest single document: a Synthea bundle of a long life is ≈ 50 MiB.
pub const DOCUMENT_BYTES_MAX: usize = 512 * 1024 * 1024;

/// The deepest nesting.
const DEPTH_MAX: usize = 100;

/// What a file's pieces were followed by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum After {
    /// Another file.
    File(String),
    /// The end of all input.
    End,
    /// The command went away.
    Cut,
}

/// Reads one file out of the stream of input, as [`Read`]. Blocks: not for async threads.
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
        Self { input, piece: Vec::new(), at: 0, after: None }
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

/// Why a file, or a line of it, is no FHIR JSON.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    /// The bytes stopped coming or could not be decompressed.
    #[error("it can't be read to its end: {0}")]
    Read(String),
    /// A document is too large.
    #[error("a document is over 512 MiB")]
    TooLarge,
    /// Not JSON as we take it; the text has no content in it.
    #[error("{0}")]
    Json(String),
    /// Nothing in it.
    #[error("it is empty")]
    Empty,
}

/// Calls `each` with every document of a file and its line (1 for a file that is one document).
/// A line that can't be parsed goes to `each` as an error and the next line is read.
///
/// # Errors
/// When the file can't be read on, or `each` says so.
pub fn documents<E: From<SourceError>>(
    file: impl Read,
    each: &mut dyn FnMut(u64, Result<Json, SourceError>) -> Result<(), E>,
) -> Result<(), E> {
    let mut reader = decompressed(file)?;
    let mut line = Vec::new();
    let mut number = 0_u64;
    let mut seen = false;
    loop {
        line.clear();
        let count = read_line(&mut reader, &mut line)?;
        if count == 0 {
            break;
        }
        number = number.saturating_add(1);
        let text = line.trim_ascii();
        if text.is_empty() {
            continue;
        }
        let first = !seen;
        seen = true;
        match parse(strip_mark(text, first), &limits()) {
            Ok(document) => each(number, Ok(document))?,
            // A first line that isn't whole: the file is one document over many lines, unless it has
            // an error in its first line, which the whole will show too.
            Err(error) if first => {
                let whole = read_rest(&mut reader, line)?;
                return match parse(strip_mark(whole.trim_ascii(), true), &limits()) {
                    Ok(document) => each(1, Ok(document)),
                    Err(of_whole) if of_whole.offset_bytes > error.offset_bytes => {
                        each(of_whole.line as u64, Err(SourceError::Json(of_whole.to_string())))
                    }
                    Err(_) => lines_after_a_bad_first(&whole, each),
                };
            }
            Err(error) => each(number, Err(SourceError::Json(error.to_string())))?,
        }
    }
    if seen { Ok(()) } else { Err(SourceError::Empty.into()) }
}

/// A file whose first line is broken JSON: each further line stands on its own.
fn lines_after_a_bad_first<E>(
    whole: &[u8],
    each: &mut dyn FnMut(u64, Result<Json, SourceError>) -> Result<(), E>,
) -> Result<(), E> {
    let lines: Vec<&[u8]> = whole.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).collect();
    let is_ndjson = lines.iter().skip(1).any(|text| text.starts_with(b"{") && text.ends_with(b"}"));
    for (index, text) in lines.iter().enumerate() {
        if text.is_empty() {
            continue;
        }
        let result = parse(text, &limits()).map_err(|error| SourceError::Json(error.to_string()));
        each(index as u64 + 1, result)?;
        if !is_ndjson {
            break;
        }
    }
    Ok(())
}

fn limits() -> Limits {
    Limits { bytes_max: DOCUMENT_BYTES_MAX, depth_max: DEPTH_MAX }
}

/// Without the byte order mark some exporters write.
fn strip_mark(text: &[u8], first: bool) -> &[u8] {
    if first { text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text) } else { text }
}

fn decompressed<'a>(file: impl Read + 'a) -> Result<Box<dyn BufRead + 'a>, SourceError> {
    let mut reader = BufReader::with_capacity(256 * 1024, file);
    let start = reader.fill_buf().map_err(|error| SourceError::Read(error.to_string()))?;
    if start.starts_with(&[0x1f, 0x8b]) {
        Ok(Box::new(BufReader::with_capacity(256 * 1024, MultiGzDecoder::new(reader))))
    } else {
        Ok(Box::new(reader))
    }
}

fn read_line(reader: &mut dyn BufRead, line: &mut Vec<u8>) -> Result<usize, SourceError> {
    let bound = DOCUMENT_BYTES_MAX as u64 + 1;
    let count = reader
        .take(bound)
        .read_until(b'\n', line)
        .map_err(|error| SourceError::Read(error.to_string()))?;
    if count > DOCUMENT_BYTES_MAX { Err(SourceError::TooLarge) } else { Ok(count) }
}

fn read_rest(reader: &mut dyn BufRead, mut start: Vec<u8>) -> Result<Vec<u8>, SourceError> {
    let room = (DOCUMENT_BYTES_MAX as u64 + 1).saturating_sub(start.len() as u64);
    reader.take(room).read_to_end(&mut start).map_err(|error| SourceError::Read(error.to_string()))?;
    if start.len() > DOCUMENT_BYTES_MAX { Err(SourceError::TooLarge) } else { Ok(start) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    fn read(bytes: &[u8]) -> Vec<(u64, bool)> {
        let mut seen = Vec::new();
        let result = documents::<SourceError>(bytes, &mut |line, document| {
            seen.push((line, document.is_ok()));
            Ok(())
        });
        if result.is_err() {
            seen.push((0, false));
        }
        seen
    }

    #[test]
    fn ndjson_and_single_documents_are_told_apart() {
        assert_eq!(read(b"{\"a\":1}"), [(1, true)]);
        assert_eq!(read(b"{\n \"a\": 1\n}\n"), [(1, true)]);
        assert_eq!(read(b"{\"a\":1}\n{\"a\":2}\n\n{\"a\":3}"), [(1, true), (2, true), (4, true)]);
        assert_eq!(read(b"\xef\xbb\xbf{\"a\":1}"), [(1, true)]);
    }

    #[test]
    fn a_bad_line_spoils_only_itself() {
        assert_eq!(read(b"{\"a\":1}\n{oops}\n{\"a\":3}\n"), [(1, true), (2, false), (3, true)]);
        assert_eq!(read(b"{oops}\n{\"a\":2}\n"), [(1, false), (2, true)]);
    }

    #[test]
    fn bad_files_are_errors_with_a_place() {
        assert_eq!(read(b""), [(0, false)]);
        assert_eq!(read(b"{\n \"a\": \n}"), [(3, false)]);
        assert_eq!(read(b"hello"), [(1, false)]);
        assert_eq!(read(b"{\"a\":1,\"a\":2}"), [(1, false)]);
        assert_eq!(read(&[0xff, 0xfe, b'{']), [(1, false)]);
    }

    #[test]
    fn gzip_is_recognised_by_its_content() {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(b"{\"a\":1}\n{\"a\":2}\n").unwrap();
        let mut bytes = encoder.finish().unwrap();
        assert_eq!(read(&bytes), [(1, true), (2, true)]);
        bytes.truncate(bytes.len() - 9);
        assert_eq!(read(&bytes).last(), Some(&(0, false)));
    }

    #[test]
    fn a_file_ends_where_the_next_begins() {
        let (sender, mut input) = mpsc::channel(8);
        for piece in [
            Input::Data(b"{\"a\"".to_vec()),
            Input::Data(b":1}".to_vec()),
            Input::File("b".to_owned()),
            Input::Data(b"{}".to_vec()),
            Input::End,
        ] {
            sender.try_send(piece).unwrap();
        }
        let mut reader = FileReader::new(&mut input);
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        assert_eq!(text, "{\"a\":1}");
        assert_eq!(reader.finish(), After::File("b".to_owned()));
        assert_eq!(FileReader::new(&mut input).finish(), After::End);
    }
}
