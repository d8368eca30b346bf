//! Tries inputs from files, one after the other:
//!
//! `cargo run -p chaski-fuzz --example replay -- TARGET FILE...`

use anyhow::{Context, Result, ensure};

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().context("which target?")?;
    let target = chaski_fuzz::target(&name).with_context(|| format!("no target {name}"))?;
    let files: Vec<String> = arguments.collect();
    ensure!(!files.is_empty(), "which files?");
    for file in files {
        let bytes = std::fs::read(&file).with_context(|| file.clone())?;
        println!("{file}: {} bytes", bytes.len());
        target(&bytes);
    }
    println!("nothing panicked");
    Ok(())
}
