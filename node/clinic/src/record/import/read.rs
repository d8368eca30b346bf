//! Reads files: NDJSON line by line, or one value.
//!
//! Invariants: a line that can't be read costs that line; a byte order mark costs nothing; a file that is neither
//! NDJSON nor one value costs that file.

use std::io::{BufRead, Cursor, Read};
use std::sync::Arc;

use chaski_json::{Json, Limits};

use super::incoming::Place;
use super::{IMPORT_BYTES_MAX, ImportError, ImportProgress, ImportSession};

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
/// Lines looked at to tell NDJSON whose first line is broken from one broken value.
const LINES_LOOKED_AT_MAX: usize = 1_000;

fn limits() -> Limits {
    Limits {
        bytes_max: IMPORT_BYTES_MAX,
        ..Limits::default()
    }
}

impl ImportSession<'_> {
    /// Takes one file: a Bundle, Parameters, a resource, or NDJSON of these, uncompressed.
    /// It is read here; what it holds is written by [`ImportSession::finish`], and durable when that returns.
    ///
    /// # Errors
    /// [`ImportError`]; what was read before stays, and the next file can be
    /// taken.
    pub fn file(
        &mut self,
        name: &str,
        reader: &mut dyn BufRead,
        progress: &mut dyn FnMut(ImportProgress),
    ) -> Result<(), ImportError> {
        self.equals.clear();
        let file = Self::file_name(name);
        let read_error = |error: std::io::Error| ImportError::Read {
            file: name.to_owned(),
            kind: error.kind(),
        };
        let mut first = Vec::new();
        let mut number = 0_u64;
        while first.iter().all(u8::is_ascii_whitespace) {
            first.clear();
            number += 1;
            if bounded_line(reader, &mut first).map_err(read_error)? == 0 {
                return Ok(());
            }
            if number == 1 && first.starts_with(BYTE_ORDER_MARK) {
                first.drain(..BYTE_ORDER_MARK.len());
            }
        }
        if number == 1 && (first.starts_with(b"\xff\xfe") || first.starts_with(b"\xfe\xff")) {
            return Err(ImportError::Format {
                file: name.to_owned(),
                reason: "the file is UTF-16: convert it to UTF-8".to_owned(),
            });
        }
        if let Ok(json) = chaski_json::parse(first.trim_ascii(), &limits()) {
            // The first line is a value of its own: NDJSON, or one value on one line.
            self.bytes += first.len() as u64;
            self.value(&file, number, json, progress)?;
            return self.lines(&file, number, reader, progress);
        }
        let left = (IMPORT_BYTES_MAX + 1).saturating_sub(first.len()) as u64;
        let mut text = first;
        (&mut *reader)
            .take(left)
            .read_to_end(&mut text)
            .map_err(read_error)?;
        match chaski_json::parse(&text, &limits()) {
            Ok(json) => {
                self.bytes += text.len() as u64;
                self.value(&file, 0, json, progress)?;
                self.tick(true, progress);
                Ok(())
            }
            Err(_) if is_lines(&text) => {
                let mut whole = Cursor::new(text).chain(reader);
                self.lines(&file, number - 1, &mut whole, progress)
            }
            Err(error) => Err(ImportError::Format {
                file: name.to_owned(),
                reason: error.to_string(),
            }),
        }
    }

    /// The lines after the line of this number.
    fn lines(
        &mut self,
        file: &Arc<str>,
        mut number: u64,
        reader: &mut dyn BufRead,
        progress: &mut dyn FnMut(ImportProgress),
    ) -> Result<(), ImportError> {
        let mut line = Vec::new();
        loop {
            line.clear();
            number += 1;
            let count = bounded_line(reader, &mut line).map_err(|error| ImportError::Read {
                file: file.to_string(),
                kind: error.kind(),
            })?;
            if count == 0 {
                self.tick(true, progress);
                return Ok(());
            }
            self.bytes += count as u64;
            let text = line.trim_ascii();
            if text.is_empty() {
                continue;
            }
            match chaski_json::parse(text, &limits()) {
                Ok(json) => self.value(file, number, json, progress)?,
                Err(error) => self.refuse(&Place::line(file, number), ("", ""), error.to_string()),
            }
        }
    }

    fn value(
        &mut self,
        file: &Arc<str>,
        line: u64,
        json: Json,
        progress: &mut dyn FnMut(ImportProgress),
    ) -> Result<(), ImportError> {
        let before = self.slots.len();
        let done = self.take(Place::line(file, line), json, 0);
        // Often enough to be seen, seldom enough to cost nothing.
        if before / 1_000 != self.slots.len() / 1_000 {
            self.tick(true, progress);
        }
        done
    }
}

/// Whether a text whose first line is no value is NDJSON all the same: a later line is a resource.
fn is_lines(text: &[u8]) -> bool {
    if text.trim_ascii_start().starts_with(b"[") {
        return false;
    }
    let mut lines = text
        .split(|byte| *byte == b'\n')
        .skip(1)
        .take(LINES_LOOKED_AT_MAX);
    lines.any(|line| {
        chaski_json::parse(line.trim_ascii(), &limits())
            .is_ok_and(|json| json.get("resourceType").and_then(Json::as_str).is_some())
    })
}

/// Reads a line of at most [`IMPORT_BYTES_MAX`]; of a longer one as much as shows that it is too long, and skips the
/// rest of it. Says how many bytes were read.
fn bounded_line(reader: &mut dyn BufRead, line: &mut Vec<u8>) -> std::io::Result<usize> {
    let most = IMPORT_BYTES_MAX as u64 + 1;
    let mut count = (&mut *reader).take(most).read_until(b'\n', line)?;
    if line.len() as u64 == most && line.last() != Some(&b'\n') {
        count += skip_line(reader)?;
    }
    Ok(count)
}

fn skip_line(reader: &mut dyn BufRead) -> std::io::Result<usize> {
    let mut skipped = 0;
    loop {
        let piece = reader.fill_buf()?;
        if piece.is_empty() {
            return Ok(skipped);
        }
        let end = piece.iter().position(|byte| *byte == b'\n');
        let used = end.map_or(piece.len(), |end| end + 1);
        reader.consume(used);
        skipped += used;
        if end.is_some() {
            return Ok(skipped);
        }
    }
}
