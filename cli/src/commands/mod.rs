//! What each command does: asks the node of a directory, in this process or through its socket, and
//! prints the answer.

mod ask;
mod hub;
mod issuer;
mod keep;
mod links;
mod network;
mod parcel;
mod part_file;
mod records;
mod run;
mod setup;

use std::path::Path;

use chaski_node::config::SYSTEM_CONFIG;
use chaski_node::zone;

use crate::args::{Command, Place};
use crate::output::Failure;

/// Chooses the zone by option or environment, else by the machine's file where it is about the directory. `serve`
/// reads a file of its own afterwards; the first word counts.
///
/// # Errors
/// When there is no zone of this name.
pub fn zone_choose(asked: Option<&str>, command: &Command) -> Result<(), Failure> {
    if let Some(name) = asked.filter(|name| !name.is_empty()) {
        return Ok(zone::choose(name)?);
    }
    let Some(place) = place(command) else {
        return Ok(());
    };
    match links::of_machine(
        place,
        Path::new(SYSTEM_CONFIG),
        "times are told in the machine's zone",
    )?
    .zone
    {
        Some(name) => Ok(zone::choose(&name)?),
        None => Ok(()),
    }
}

/// The directory that a command is about.
fn place(command: &Command) -> Option<&Place> {
    Some(match command {
        Command::Invite(args) => &args.place,
        Command::Join(args) => &args.place,
        Command::Peer(args) => &args.place,
        Command::Hub(args) => &args.place,
        Command::Issuer(args) => &args.place,
        Command::Root(args) => &args.place,
        Command::Sync(args) => &args.place,
        Command::Status(args) | Command::Conflicts(args) => &args.place,
        Command::Import(args) => &args.place,
        Command::Export(args) => &args.place,
        Command::Parcel(args) => &args.place,
        Command::Get(args) => &args.place,
        Command::Put(args) => &args.place,
        Command::Resolve(args) => &args.place,
        Command::Doctor(args) => &args.place,
        Command::Token(args) => &args.place,
        Command::Init(args) => &args.place,
        Command::Serve(_) | Command::Demo(_) | Command::Bench(_) => return None,
    })
}

/// Carries a command out; the number is the exit code.
pub async fn run(command: Command) -> Result<u8, Failure> {
    match command {
        Command::Demo(args) => run::demo(args).await,
        Command::Init(args) => setup::init(args).await,
        Command::Serve(args) => run::serve(args).await,
        Command::Invite(args) => network::invite(args).await,
        Command::Join(args) => setup::join(args).await,
        Command::Peer(args) => network::peer(args).await,
        Command::Hub(args) => hub::hub(args).await,
        Command::Issuer(args) => issuer::issuer(args).await,
        Command::Root(args) => setup::root(args).await,
        Command::Sync(args) => network::sync(args).await,
        Command::Status(args) => network::status(args).await,
        Command::Import(args) => records::import(args).await,
        Command::Export(args) => records::export(args).await,
        Command::Parcel(args) => parcel::parcel(args).await,
        Command::Get(args) => records::get(args).await,
        Command::Put(args) => records::put(args).await,
        Command::Conflicts(args) => records::conflicts(args).await,
        Command::Resolve(args) => records::resolve(args).await,
        Command::Doctor(args) => keep::doctor(args).await,
        Command::Token(args) => keep::token(args).await,
        Command::Bench(args) => run::bench(args).await,
    }
}
