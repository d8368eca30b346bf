//! What can be said on the command line, and what is told of what cannot.

use super::*;
use clap::CommandFactory;

fn parse(line: &str) -> Result<Cli, clap::Error> {
    Cli::try_parse_from(line.split_whitespace())
}

#[test]
fn the_definition_is_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn every_line_of_the_contract_parses() {
    for line in [
        "chaski demo",
        "chaski demo --dir d --json",
        "chaski init --data d --name n --site s --passphrase-file f",
        "chaski init --data d --name n --unsealed",
        "chaski serve",
        "chaski serve --data d --http 127.0.0.1:0 --quic 127.0.0.1:0 --key-file f",
        "chaski serve --http 0.0.0.0:1 --tls auto",
        "chaski serve --zone Asia/Manila",
        "chaski demo --zone America/Lima",
        "chaski status --data d --zone Africa/Nairobi",
        "chaski serve --http 0.0.0.0:1 --tls-cert c --tls-key k",
        "chaski invite --data d --role hub --ttl 1h --addr a:1 --addr b:2 --json",
        "chaski join --data d T --name n --site s --key-file f",
        "chaski peer --data d list",
        "chaski peer list --data d --json",
        "chaski peer --data d revoke N",
        "chaski hub --data d status",
        "chaski hub status --data d --stale-days 3 --json",
        "chaski issuer --data d list",
        "chaski issuer list --data d --json",
        "chaski issuer --data d add N",
        "chaski issuer add N --data d --role clinic --role mobile --site SJ --json",
        "chaski issuer --data d add N --root F --root-words -",
        "chaski issuer --data d end N --root F --root-passphrase P",
        "chaski root --data d export F",
        "chaski sync --data d",
        "chaski sync --data d PEER --json",
        "chaski sync --data d PEER --link 2g --config f",
        "chaski join --data d T --link satellite --config f",
        "chaski status --data d --json",
        "chaski import --data d --id-prefix p f g",
        "chaski import --data d --accept-ids f",
        "chaski export --data d --out f",
        "chaski parcel --data d write f",
        "chaski parcel write --data d --to a --to b --all --force f --json",
        "chaski parcel --data d read f --json",
        "chaski get --data d Patient/1 --version v",
        "chaski get --data d Patient/1 --history",
        "chaski put --data d - --if-match v",
        "chaski conflicts --data d --json",
        "chaski resolve --data d Patient/1 birthDate --value \"x\"",
        "chaski resolve --data d Patient/1 birthDate --pick 2",
        "chaski resolve --data d Patient/1 birthDate --pick 2 --if-match v",
        "chaski doctor --data d --rebuild",
        "chaski token --data d create",
        "chaski token --data d list",
        "chaski token --data d revoke t",
        "chaski bench --records 1000 --kit d --json",
    ] {
        if let Err(error) = parse(line) {
            panic!("{line}: {error}");
        }
    }
}

#[test]
fn nonsense_is_a_usage_error() {
    for line in [
        "chaski",
        "chaski frob",
        "chaski resolve --data d Patient/1 birthDate",
        "chaski resolve --data d Patient/1 birthDate --pick 1 --value 2",
        "chaski import --data d",
        "chaski parcel --data d",
        "chaski parcel write --data d",
        "chaski init --data d --name n --unsealed --key-file f",
        "chaski serve --tls-cert c",
        "chaski invite --ttl 1y",
        "chaski hub --data d",
        "chaski hub --data d status --stale-days 0",
        "chaski issuer --data d",
        "chaski issuer add N --data d --root-words W",
        "chaski issuer add N --data d --root F --root-words W --root-passphrase P",
    ] {
        assert_eq!(
            parse(line).err().map(|error| error.exit_code()),
            Some(2),
            "{line}"
        );
    }
}

#[test]
fn durations_have_units_and_bounds() {
    assert_eq!(duration_seconds("90"), Ok(90));
    assert_eq!(duration_seconds("1h"), Ok(3600));
    assert_eq!(duration_seconds("2d"), Ok(172_800));
    for wrong in ["", "h", "0", "1w", "99999999999999999999", "9999999d"] {
        assert!(duration_seconds(wrong).is_err(), "{wrong}");
    }
}
