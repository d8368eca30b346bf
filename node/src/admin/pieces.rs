//! An operation's output, handed on in bounded pieces.

use std::io::Write;

use tokio::sync::mpsc;

use super::protocol::{DATA_BYTES_MAX, Output};

/// Writes into frames. Blocks: not for async threads.
pub(crate) struct Pieces {
    output: mpsc::Sender<Output>,
    waiting: Vec<u8>,
}

impl Pieces {
    pub(crate) fn new(output: mpsc::Sender<Output>) -> Self {
        Self {
            output,
            waiting: Vec::with_capacity(DATA_BYTES_MAX),
        }
    }
}

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.waiting.extend_from_slice(bytes);
        if self.waiting.len() >= DATA_BYTES_MAX {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        for piece in self.waiting.chunks(DATA_BYTES_MAX) {
            self.output
                .blocking_send(Output::Data(piece.to_vec()))
                .map_err(|_| std::io::Error::from(std::io::ErrorKind::BrokenPipe))?;
        }
        self.waiting.clear();
        Ok(())
    }
}
