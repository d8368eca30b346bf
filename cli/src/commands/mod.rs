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

use crate::args::Command;
use crate::output::Failure;

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
