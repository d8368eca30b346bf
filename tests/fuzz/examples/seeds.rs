//! Writes what every target begins with to FOLDER/TARGET/NAME:
//!
//! `cargo run -p chaski-fuzz --example seeds -- FOLDER`

use std::path::PathBuf;

use anyhow::{Context, Result};

fn main() -> Result<()> {
    let folder = PathBuf::from(std::env::args().nth(1).context("to which folder?")?);
    for seed in chaski_fuzz::seeds() {
        let own = folder.join(seed.target);
        std::fs::create_dir_all(&own)?;
        std::fs::write(own.join(seed.name), seed.bytes)?;
    }
    Ok(())
}
