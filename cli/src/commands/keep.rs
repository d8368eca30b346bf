//! Upkeep: doctor, token.

use chaski_node::admin::{AdminRequest, AdminResponse};
use chaski_node::zone;

use super::ask::{ask_plain, data, key, unexpected};
use crate::args::{Doctor, Token, TokenArgs};
use crate::output::{Failure, json, line, note, table};

/// The exit code for damage.
const DAMAGE: u8 = 4;

pub async fn doctor(args: Doctor) -> Result<u8, Failure> {
    let report = chaski_node::doctor(&data(&args.place)?, &key(&args.place.key), args.rebuild).await?;
    if args.json {
        json(&report)?;
    } else {
        line(format!(
            "{} records with {} signed changes verified, {} damaged",
            report.records, report.changes, report.damaged
        ))?;
        for problem in &report.problems {
            line(format!("  {problem}"))?;
        }
        if let Some(records) = report.rebuilt {
            line(format!("Rebuilt from {records} whole records."))?;
        }
        if report.damaged > 0 {
            note("Damaged records come back from peers with the next sync after --rebuild.");
        }
    }
    // What a rebuild took over whole is whole again.
    let is_whole = report.damaged == 0 && (report.problem_count == 0 || report.rebuilt.is_some());
    Ok(if !is_whole { DAMAGE } else { 0 })
}

pub async fn token(args: TokenArgs) -> Result<u8, Failure> {
    match args.action {
        Token::Create { role, name, ttl } => {
            let request = AdminRequest::TokenCreate {
                roles: role.iter().map(|role| role.as_str().to_owned()).collect(),
                name,
                ttl_seconds: ttl,
            };
            let AdminResponse::Token { id, token } = ask_plain(&args.place, request).await? else {
                return Err(unexpected());
            };
            if args.json {
                json(&serde_json::json!({ "id": id, "token": token }))?;
            } else {
                line(&token)?;
                note(format!(
                    "This is the only time it is shown. To end it: chaski token revoke {id}"
                ));
            }
        }
        Token::List => {
            let AdminResponse::Tokens(tokens) = ask_plain(&args.place, AdminRequest::TokenList).await? else {
                return Err(unexpected());
            };
            if args.json {
                json(&tokens)?;
                return Ok(0);
            }
            let rows: Vec<Vec<String>> = tokens
                .into_iter()
                .map(|token| {
                    let state = if token.revoked { "ended" } else { "good" };
                    let ends = token
                        .expires
                        .as_deref()
                        .map_or_else(|| "-".to_owned(), zone::local);
                    vec![
                        token.id,
                        token.name,
                        token.roles.join(","),
                        ends,
                        state.to_owned(),
                    ]
                })
                .collect();
            table(&["ID", "NAME", "ROLES", "UNTIL", "STATE"], &rows)?;
        }
        Token::Revoke { id } => {
            ask_plain(&args.place, AdminRequest::TokenRevoke { id }).await?;
            if args.json {
                json(&serde_json::json!({ "revoked": true }))?;
            } else {
                line("Revoked.")?;
            }
        }
    }
    Ok(0)
}
