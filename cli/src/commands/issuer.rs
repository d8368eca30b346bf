//! Issuers: who may invite and renew.

use std::io::Read;
use std::path::Path;

use chaski_node::admin::{
    AdminRequest, AdminResponse, IssuerChangeReport, IssuerReport, RootFile, RootSecret,
};
use chaski_node::zone;
use chaski_node::{NodeError, read_passphrase};

use super::ask::{ask_plain, key, unexpected};
use crate::args::{Issuer, IssuerArgs, Key, Place, Role, RootFileArgs};
use crate::output::{Failure, json, line, note, table};

/// An exported root key is under 2 KiB, its words under 300 bytes; more is neither.
const ROOT_FILE_BYTES_MAX: u64 = 64 * 1024;

pub async fn issuer(args: IssuerArgs) -> Result<u8, Failure> {
    let place = &args.place;
    match args.action {
        Issuer::List => {
            let issuers = list(place).await?;
            if args.json {
                json(&issuers)?;
            } else {
                issuer_table(&issuers)?;
            }
        }
        Issuer::Add {
            node,
            role,
            site,
            root,
        } => {
            let is_limited_to_sites = !site.is_empty();
            let request = AdminRequest::IssuerAdd {
                node,
                roles: role.into_iter().map(Role::as_str).map(str::to_owned).collect(),
                sites: site,
                root: root_file(&root, &place.key)?,
            };
            let made = change(place, request).await?;
            if args.json {
                json(&made)?;
            } else if made.changed {
                line(format!(
                    "{} is an issuer now. It invites and renews from when its node hears of it: at once if it is this \
                     one, else with the next sync.",
                    made.name
                ))?;
            } else {
                line(format!(
                    "{} is an issuer already: nothing was changed.",
                    made.name
                ))?;
            }
            if is_limited_to_sites {
                note(
                    "Limited to sites it can grant their records alone. `chaski invite` grants everything, so it \
                     can neither invite nor renew whom others have invited.",
                );
            }
        }
        Issuer::End { node, root } => {
            let request = AdminRequest::IssuerEnd {
                node,
                root: root_file(&root, &place.key)?,
            };
            let ended = change(place, request).await?;
            if args.json {
                json(&ended)?;
            } else {
                line(format!(
                    "{} is an issuer no longer. What it has issued, as far as this node knows, goes on counting. It \
                     stays a member: `chaski peer revoke` ends that.",
                    ended.name
                ))?;
            }
        }
    }
    Ok(0)
}

/// The issuers as the node of a directory knows them.
pub async fn list(place: &Place) -> Result<Vec<IssuerReport>, Failure> {
    match ask_plain(place, AdminRequest::IssuerList).await? {
        AdminResponse::Issuers(issuers) => Ok(issuers),
        _ => Err(unexpected()),
    }
}

async fn change(place: &Place, request: AdminRequest) -> Result<IssuerChangeReport, Failure> {
    match ask_plain(place, request).await? {
        AdminResponse::IssuerChanged(report) => Ok(report),
        _ => Err(unexpected()),
    }
}

/// The root file with what opens it, where one is given.
fn root_file(args: &RootFileArgs, flags: &Key) -> Result<Option<RootFile>, Failure> {
    let Some(file) = &args.file else {
        return Ok(None);
    };
    let secret = match (&args.words, &args.passphrase) {
        (Some(words), _) => RootSecret::Words(words_in(words)?),
        (None, Some(passphrase)) => RootSecret::Passphrase(read_passphrase(passphrase)?),
        // As `root export` seals it.
        (None, None) => match key(flags).passphrase_file {
            Some(passphrase) => RootSecret::Passphrase(read_passphrase(&passphrase)?),
            None => {
                return Err(NodeError::Usage(
                    "say what opens the root file: --root-words FILE or --root-passphrase FILE".to_owned(),
                )
                .into());
            }
        },
    };
    let sealed = text_in(file, "the root file")?;
    Ok(Some(RootFile { sealed, secret }))
}

fn words_in(file: &Path) -> Result<String, Failure> {
    let text = text_in(file, "the recovery words")?;
    match text.trim() {
        "" => Err(NodeError::Key(format!("{} holds no recovery words", file.display())).into()),
        words => Ok(words.to_owned()),
    }
}

fn text_in(file: &Path, what: &str) -> Result<String, Failure> {
    let about = |error| NodeError::io(&format!("reading {what}, {}", file.display()), &error);
    let mut reader: Box<dyn Read> = if file == Path::new("-") {
        Box::new(std::io::stdin().lock())
    } else {
        Box::new(std::fs::File::open(file).map_err(about)?)
    };
    let mut text = String::new();
    let read = reader
        .by_ref()
        .take(ROOT_FILE_BYTES_MAX + 1)
        .read_to_string(&mut text);
    if read.map_err(about)? as u64 > ROOT_FILE_BYTES_MAX {
        return Err(
            NodeError::Failed(format!("{} is over 64 KiB: these are not {what}", file.display())).into(),
        );
    }
    Ok(text)
}

fn issuer_table(issuers: &[IssuerReport]) -> Result<(), Failure> {
    let any = |listed: &Option<Vec<String>>| {
        listed
            .as_ref()
            .map_or_else(|| "any".to_owned(), |all| all.join(","))
    };
    let rows: Vec<Vec<String>> = issuers
        .iter()
        .map(|issuer| {
            vec![
                issuer.name.clone(),
                issuer.node.chars().take(12).collect(),
                any(&issuer.roles),
                any(&issuer.sites),
                issuer_state(issuer).to_owned(),
                match (&issuer.last_seen, issuer.this_node) {
                    (_, true) => "this node".to_owned(),
                    (Some(at), false) => zone::local(at),
                    (None, false) => "never".to_owned(),
                },
                issuer
                    .roots
                    .iter()
                    .map(|root| root.chars().take(12).collect::<String>())
                    .collect::<Vec<_>>()
                    .join(","),
            ]
        })
        .collect();
    table(
        &["NAME", "NODE", "ROLES", "SITES", "STATE", "LAST SEEN", "BY ROOT"],
        &rows,
    )?;
    let can_be_met = issuers
        .iter()
        .filter(|issuer| issuer.in_effect && !issuer.revoked);
    if can_be_met.count() < 2 {
        note(
            "One issuer alone: when it is lost, nobody joins or is renewed. `chaski issuer add` makes another.",
        );
    }
    for issuer in issuers.iter().filter(|issuer| issuer.in_effect && issuer.revoked) {
        note(format!(
            "{} was revoked and is still an issuer: whoever has its key can take in members. `chaski issuer end` ends that.",
            issuer.name
        ));
    }
    Ok(())
}

fn issuer_state(issuer: &IssuerReport) -> &'static str {
    match (issuer.ended, issuer.revoked) {
        (true, _) => "ended",
        (false, true) => "revoked, not ended",
        // Until it has heard of it, it invites and renews nobody.
        (false, false) if !issuer.told => "not told yet",
        (false, false) => "in effect",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issuer_that_has_not_heard_of_it_is_none_in_effect() {
        let state = |ended: bool, revoked: bool, told: bool| {
            issuer_state(&IssuerReport {
                node: "ab".into(),
                name: "Puno".into(),
                roles: None,
                sites: None,
                in_effect: !ended,
                ended,
                revoked,
                roots: Vec::new(),
                this_node: false,
                last_seen: None,
                told,
            })
        };
        assert_eq!(state(false, false, false), "not told yet");
        assert_eq!(state(false, false, true), "in effect");
        assert_eq!(state(false, true, false), "revoked, not ended");
        assert_eq!(state(true, false, false), "ended");
    }
}
