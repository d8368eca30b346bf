//! Commands at another time: a library that gives one process another clock.

use std::path::PathBuf;
use std::process::Command;

use crate::chaski::Site;

/// The library, where it is installed.
pub fn library() -> Option<PathBuf> {
    let folders = [
        "/usr/lib/x86_64-linux-gnu/faketime",
        "/usr/lib/aarch64-linux-gnu/faketime",
        "/usr/lib/faketime",
    ];
    folders
        .iter()
        .map(|folder| PathBuf::from(folder).join("libfaketimeMT.so.1"))
        .find(|file| file.exists())
}

/// Sets a command's clock: `@YYYY-MM-DD hh:mm:ss`, or an offset like `+365d`.
pub fn set(command: &mut Command, time: &str) {
    command
        .env("LD_PRELOAD", library().unwrap())
        .env("FAKETIME", time)
        // The clock that only counts on is right everywhere.
        .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
        .env("DONT_FAKE_MONOTONIC", "1");
}

/// A site's command at another time.
pub fn site_at(site: &Site, time: &str, args: &[&str]) -> Command {
    let mut command = site.command(args);
    set(&mut command, time);
    command
}
