//! Programs in other languages that drive a node: real clients, a real browser.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Where `tests/run` put the npm and PyPI packages.
fn clients() -> Option<PathBuf> {
    let path = PathBuf::from(std::env::var_os("CHASKI_CLIENTS")?);
    path.is_dir().then_some(path)
}

/// Runs a Node.js script of `tests/`; false if it could not be tried.
#[track_caller]
pub fn node_script(script: &str, package: &str, env: &[(&str, &str)]) -> bool {
    let Some(clients) = clients().filter(|path| path.join("node_modules").join(package).is_dir()) else {
        crate::skip(&format!("{package} is not installed (run through ./tests/run)"));
        return false;
    };
    // Node looks for packages beside the script: a copy stands beside them.
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join(script);
    let copy = clients.join(source.file_name().unwrap());
    for entry in std::fs::read_dir(source.parent().unwrap())
        .unwrap()
        .map(|entry| entry.unwrap().path())
    {
        if entry.extension().is_some_and(|extension| extension == "mjs") {
            std::fs::copy(&entry, clients.join(entry.file_name().unwrap())).unwrap();
        }
    }
    run(Command::new("node").arg(copy).envs(env.iter().copied()), script);
    true
}

/// Runs a Python script of `tests/` in the clients' environment.
#[track_caller]
pub fn python_script(script: &str, package: &str, env: &[(&str, &str)]) -> bool {
    let Some(python) = clients()
        .map(|path| path.join("venv/bin/python"))
        .filter(|path| path.exists())
    else {
        crate::skip(&format!("{package} is not installed (run through ./tests/run)"));
        return false;
    };
    let script_path = Path::new(env!("CARGO_MANIFEST_DIR")).join(script);
    run(
        Command::new(python).arg(script_path).envs(env.iter().copied()),
        script,
    );
    true
}

/// Debian's Chromium, if it is there.
pub fn chromium() -> Option<PathBuf> {
    ["/usr/bin/chromium", "/usr/bin/chromium-browser"]
        .iter()
        .map(PathBuf::from)
        .find(|path| path.exists())
}

#[track_caller]
fn run(command: &mut Command, script: &str) {
    let output = command.output().unwrap();
    let text = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(output.status.success(), "{script} failed:\n{text}");
    print!("{text}");
}
