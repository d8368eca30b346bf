//! The command line: every command, option and example. Parsing only; nothing is done here.
//!
//! Invariants: command names, option names and exit codes are a contract with scripts.

use std::net::SocketAddr;
use std::path::PathBuf;

use chaski_node::check_dialled;
use clap::{Args, Parser, Subcommand, ValueEnum};

const EXIT_CODES: &str = "Exit codes: 0 ok, 1 error, 2 usage, 3 not in sync (for long, a site), or changes quarantined or waiting, \
                          4 damage, 5 key missing or wrong, 6 directory locked";

/// An offline-first clinic node: works alone, hands records on whenever it meets a peer.
#[derive(Debug, Parser)]
#[command(name = "chaski", version, after_help = EXIT_CODES, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
    /// The clinic's time zone, by its IANA name (Asia/Manila): which day is today, and how times are shown
    /// [default: `zone` in the configuration, else the machine's]
    #[arg(long, env = "CHASKI_ZONE", value_name = "ZONE", global = true)]
    pub zone: Option<String>,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Three joined nodes with sample people and a page to pull their cables
    #[command(after_help = "Examples:\n  chaski demo\n  chaski demo --dir /tmp/demo --json")]
    Demo(Demo),
    /// Makes a new network with this node as its first member
    #[command(after_help = "Examples:\n  \
        chaski init --data /srv/chaski --name 'San Juan' --site SJ --key-file /etc/chaski/key\n  \
        chaski init --data ./a --name a --unsealed      # for trials only")]
    Init(Init),
    /// Runs the node: pages, FHIR and peers, until it is told to stop
    #[command(after_help = "Examples:\n  \
        chaski serve                                    # a new single node on localhost\n  \
        chaski serve --data /srv/chaski --http 0.0.0.0:8443 --tls auto --quic 0.0.0.0:8031\n\n\
        A node takes no more records when less than 500 MB or 5 % of the disk is free; `floor_mb` in the\n\
        configuration, or CHASKI_DISK_FLOOR_MB=N in the environment of any command, makes that N MB.")]
    Serve(Serve),
    /// Prints a one-use ticket for a new node
    #[command(after_help = "Examples:\n  \
        chaski invite --data /srv/chaski --role mobile --ttl 2h\n  \
        chaski invite --data ./a --addr 192.0.2.7:8031 --json")]
    Invite(Invite),
    /// Makes a node that joins the network of a ticket
    #[command(after_help = "Examples:\n  \
        chaski join --data ./b 'chaski1...' --name 'Team 2' --site T2\n  \
        chaski join --data ./b 'chaski1...' --no-mdns\n  \
        chaski join --data ./b 'chaski1...' --link satellite\n  \
        chaski invite --data ./a | head -1 | chaski join --data ./b -")]
    Join(Join),
    /// Lists the network's nodes, or ends the membership of one
    #[command(
        after_help = "Examples:\n  chaski peer --data ./a list\n  chaski peer --data ./a revoke 3f9a2c"
    )]
    Peer(PeerArgs),
    /// Who has not synced: how it stands with each site of the network
    #[command(after_help = "Examples:\n  \
        chaski hub --data /srv/chaski status\n  \
        chaski hub --data /srv/chaski status --stale-days 3 --json\n  \
        chaski hub --data /srv/chaski status >/tmp/sites || mail -s 'sites not synced' me </tmp/sites\n\n\
        Sites with which this node was last in sync --stale-days ago, or which joined then and never were, stand\n\
        first; then those that joined since and never synced; each with the reason as far as it is known. What\n\
        comes by way of another site, as a clinic's siblings do by a hub, is said to and is no alarm. BACKLOG is\n\
        the number of changes that a site is not known to have. What waits for a person (conflicts, quarantine),\n\
        records, version and disk are as the site last said, AS OF when; '?' is what is not known. SENT and\n\
        RECEIVED are stream payload since the site was first met. With a running node it tells of now, else of\n\
        when the node last ran, and says so.\n\n\
        With --json it prints one object: node, name, at, running, stale_days, stale and never_synced (how many),\n\
        well, revoked_by, warnings (of this node itself) and sites, each with node, name, site, role, standing\n\
        (connected, silent, away, never_met, revoked), stale, joined, by_way, says_revoked, known_addresses\n\
        (address, from, through), connected, in_sync (now), last_heard, last_heard_seconds,\n\
        last_heard_by_file (a file told of it, and not the site itself), last_in_sync, last_in_sync_seconds,\n\
        reason, backlog, bytes_out, bytes_in, clock_skew_ms, clock_compared (when), grant_ends, grant_over,\n\
        grant_ends_soon, quarantined_here, told_at, told_seconds, version, conflicts, quarantined, awaiting,\n\
        records, disk_free_bytes, disk_full, halts (as in `peer list`); null is what is not known.\n\n\
        Ends with 0 where some site has synced in that time and none is stale (or there is no other site), with 3\n\
        where one is, none ever has, all were taken out of the network, or this node was.")]
    Hub(HubArgs),
    /// Lists who may invite and renew; with the root key makes another node one, or ends one
    #[command(after_help = "Examples:\n  chaski issuer --data ./a list\n  \
        chaski issuer --data ./a add Puno               # on the network's first node, which has the root key\n  \
        chaski issuer --data ./b add Puno --root /media/usb/root.chaski --root-words ./words\n  \
        chaski issuer --data ./b end Hub --root /media/usb/root.chaski --root-passphrase ./passphrase\n\n\
        Each node's grant lasts 400 days and is renewed when it meets an issuer; have two or more, so that none\n\
        of them is missed when it is lost. With the exported root key any node of the network can make one.\n\n\
        With --json, `list` prints node, name, roles and sites (null: any), in_effect, ended, revoked, roots,\n\
        this_node and last_seen; `add` and `end` print node, name and changed. Ends with 5 where neither\n\
        passphrase nor words open the root file. No statement bears a date, so none is listed.")]
    Issuer(IssuerArgs),
    /// Exports the network's root key, sealed, to be kept away from the node
    #[command(after_help = "Examples:\n  \
        chaski root --data ./a export /media/usb/root.chaski\n  \
        chaski root --data ./a export root.chaski --seal-with ./passphrase")]
    Root(RootArgs),
    /// One exchange with a peer; ends with 0 only when both hold the same
    #[command(
        after_help = "Examples:\n  chaski sync --data ./b\n  chaski sync --data ./b hub --json\n  \
        chaski sync --data ./b 192.0.2.7:8031\n  \
        chaski sync --data ./b hub --link 2g\n\n\
        A node that runs on the directory makes the exchange over its own links, and refuses --link.\n\
        With --json each peer's exchange is one object on a line of its own: one line with PEER, one for each\n\
        known peer without (NDJSON); of one that did not answer, `in_sync` is false and `reason` says so. One\n\
        that does not answer is given up after 10 s, 2 s more for each further address it has had; one that falls\n\
        silent amid an exchange after 30 s: what has come is kept, and its figures are null. Where none answers, up to\n\
        three nodes are asked whose addresses are known by the word of others alone. Without PEER each\n\
        member that was not asked and is `late` has a line before these, with `asked` false and the reason: no\n\
        address of it is known, or others alone say where it is.\n\n\
        Ends with 1 where no exchange took place (no peer is known, the only one asked did not answer), with 3\n\
        where one that was asked is not in sync with this node, a change is in quarantine, or one that was not\n\
        asked is `late`: it does not come by way of another, and was not in sync with this node within 7 days.\n\
        Of those that come by way of another, 0 says that this node has exchanged what that other holds, no more."
    )]
    Sync(Sync),
    /// Who this node is, what it holds, whom it knows
    #[command(after_help = "Examples:\n  chaski status --data ./a\n  chaski status --data ./a --json")]
    Status(Plain),
    /// Takes in FHIR records: Bundle JSON, NDJSON, either also as .gz
    #[command(after_help = "Examples:\n  \
        chaski import --data ./a patients/*.json.gz\n  \
        chaski import --data ./a --id-prefix oldlab- oldlab.ndjson   # ids that are not UUIDs\n  \
        chaski import --data ./a --report refused.ndjson old.ndjson  # all that was refused, line by line\n  \
        cat bundle.json | chaski import --data ./a -\n\n\
        Takes Bundles of every type, Parameters, single resources, and NDJSON of these,\n\
        also gzipped. All files are read first; then, of several versions of a record,\n\
        the newest is current. What was changed or deleted here since it was imported\n\
        stays as it is here (counted as kept).\n\n\
        A leaf that is not valid beside what a record means (a blank in a system) is\n\
        carried, and marked in meta; --strict refuses such records. A record about a\n\
        patient who was refused and is not here is refused with him.\n\n\
        A report has, as far as it is known, what (refused, marked, dangling, kept or\n\
        said), place, file, line, entry, kind, id, path and reason. With --json,\n\
        problems are all of these lines, or with --report the first of them.\n\n\
        Ends with 1 where a record or file was refused (the rest is taken), else with\n\
        0: what was marked, kept, or names nobody is told and counted.")]
    Import(Import),
    /// Writes all replicated records as sorted canonical NDJSON
    #[command(after_help = "Examples:\n  chaski export --data ./a --out a.ndjson\n  \
        chaski export --data ./a | sha256sum")]
    Export(Export),
    /// Exchange by file, where no network reaches: signed changes, sealed to the nodes they are for
    #[command(
        alias = "bundle",
        after_help = "Examples:\n  \
        chaski parcel --data ./a write /media/usb/for-puno.chaski --to Puno\n  \
        chaski parcel --data ./a write --all --force all.chaski   # for every other node, all there is\n  \
        chaski parcel --data ./b read /media/usb/for-puno.chaski\n\n\
        A parcel is no FHIR Bundle: only the nodes it is for can read it; `import` and\n\
        `export` are for FHIR. It holds what all of these nodes may hold and, without\n\
        --all, only what they are not known to have. Taking it in twice is harmless.\n\n\
        With --json, `write` prints file, recipients (node, name), records, changes,\n\
        bytes, since (they are known to have held the rest then; null: from the first),\n\
        left_out (those whose grant is over) and warnings. `read` prints from (a key), name, made, records, changes, new_records, refused,\n\
        quarantined, awaiting (changes that wait until their author is known here as a\n\
        member), in_sync, gap (it builds on what never came here), fault (why its end\n\
        could not be read, or null), not_for_this_node, problems and warnings; of a\n\
        file of which nothing could be read, from, name and made are null. in_sync is true where this node\n\
        holds all that that one held then, and maybe more; false where something of\n\
        it was refused, set aside or waits, or this node holds fewer records; null\n\
        where it cannot be known, as after a gap or a fault.\n\n\
        `read` ends with 1 where the file is none, cut or damaged (what stands before\n\
        that is taken in), with 3 where changes were refused, set aside or wait or there\n\
        is a gap, with 5 where it is not sealed to this node."
    )]
    Parcel(ParcelArgs),
    /// Prints a record, one of its versions, or the list of them
    #[command(after_help = "Examples:\n  \
        chaski get --data ./a Patient/0190b4a2-6f3e-7c1d-8a55-3f0c9be1d2aa\n  \
        chaski get --data ./a Patient/0190b4a2-6f3e-7c1d-8a55-3f0c9be1d2aa --history")]
    Get(Get),
    /// Writes a record; it is merged with what others changed since it was read
    #[command(after_help = "Examples:\n  chaski put --data ./a patient.json\n  \
        chaski get --data ./a Patient/... | sed s/555-1/555-2/ | chaski put --data ./a -")]
    Put(Put),
    /// Lists the conflicts that wait for a person
    #[command(after_help = "Examples:\n  chaski conflicts --data ./a\n  chaski conflicts --data ./a --json")]
    Conflicts(Plain),
    /// Settles a conflict
    #[command(after_help = "Examples:\n  \
        chaski resolve --data ./a Patient/0190b4a2-6f3e-7c1d-8a55-3f0c9be1d2aa birthDate --pick 1\n  \
        chaski resolve --data ./a Condition/0190b4a2-6f3e-7c1d-8a55-3f0c9be1d2aa '!collision' --pick 1\n  \
        chaski resolve --data ./a Patient/0190b4a2-6f3e-7c1d-8a55-3f0c9be1d2aa birthDate --pick 1 \\\n    \
        --if-match 3f9a2c51d0e7.b84e17aa02c6   # the version that `chaski conflicts` printed: only if it still is\n  \
        chaski resolve --data ./a Patient/0190b4a2-6f3e-7c1d-8a55-3f0c9be1d2aa gender --value '\"female\"'")]
    Resolve(Resolve),
    /// Verifies everything stored; with --rebuild, makes anew what can be derived
    #[command(after_help = "Examples:\n  chaski doctor --data ./a\n  chaski doctor --data ./a --rebuild")]
    Doctor(Doctor),
    /// Bearer tokens for FHIR clients and for logging in
    #[command(after_help = "Examples:\n  \
        chaski token --data ./a create --role clinician --name 'Front desk'\n  \
        chaski token --data ./a list\n  chaski token --data ./a revoke 4f1c")]
    Token(TokenArgs),
    /// Measures this machine, beside what the bare parts do on it
    #[command(after_help = "Examples:\n  chaski bench --records 5000\n  chaski bench --kit ./synthea --json")]
    Bench(Bench),
}

/// Which directory, and how it is unlocked.
#[derive(Debug, Clone, Default, Args)]
pub struct Place {
    /// The node's directory [default: the platform's data folder]
    #[arg(long, env = "CHASKI_DATA", value_name = "DIR", global = true)]
    pub data: Option<PathBuf>,
    #[command(flatten)]
    pub key: Key,
}

/// KEY: how the directory is, or shall be, sealed.
#[derive(Debug, Clone, Default, Args)]
pub struct Key {
    /// A file whose first line is the passphrase [env: CHASKI_PASSPHRASE_FILE]
    #[arg(long, value_name = "FILE", global = true, conflicts_with_all = ["key_file", "unsealed"])]
    pub passphrase_file: Option<PathBuf>,
    /// A file with a key, made if it is missing [env: CHASKI_KEY_FILE]
    #[arg(long, value_name = "FILE", global = true, conflicts_with = "unsealed")]
    pub key_file: Option<PathBuf>,
    /// No protection: sealed by a key that everyone knows. For trials only
    #[arg(long, global = true)]
    pub unsealed: bool,
}

#[derive(Debug, Args)]
pub struct Demo {
    /// Where the three nodes live [default: a temporary directory, removed at the end]
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// Sample patients
    #[arg(long, value_name = "N", default_value_t = 24, value_parser = clap::value_parser!(u32).range(1..=5000))]
    pub patients: u32,
    /// The page's port on 127.0.0.1; any free one if absent
    #[arg(long, value_name = "PORT")]
    pub port: Option<u16>,
    /// Print one line of JSON once all is up
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct Init {
    #[command(flatten)]
    pub place: Place,
    /// The node's name, as people shall read it
    #[arg(long)]
    pub name: String,
    /// The site's short code
    #[arg(long)]
    pub site: Option<String>,
    /// Machine-readable output
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct Serve {
    #[command(flatten)]
    pub place: Place,
    /// Address of pages and FHIR; other than loopback needs --tls or --tls-cert [default: 127.0.0.1:8030]
    #[arg(long, value_name = "ADDR")]
    pub http: Option<SocketAddr>,
    /// UDP address for peers [default: 0.0.0.0:8031]
    #[arg(long, value_name = "ADDR")]
    pub quic: Option<SocketAddr>,
    /// `auto`: HTTPS with an own certificate, whose fingerprint is printed
    #[arg(long, value_enum, conflicts_with_all = ["tls_cert", "tls_key"])]
    pub tls: Option<Tls>,
    /// HTTPS with this certificate chain (PEM)
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,
    /// The certificate's key (PEM)
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,
    /// Find peers on the local network, and be found
    #[arg(long)]
    pub mdns: bool,
    /// Address told to others instead of the machine's own, where a router forwards a port; may be repeated
    #[arg(long, value_name = "ADDR", value_parser = dialled_ip)]
    pub advertise: Vec<SocketAddr>,
    /// Address of another node to look for besides those known; may be repeated
    #[arg(long, value_name = "ADDR", value_parser = dialled_ip)]
    pub dial: Vec<SocketAddr>,
    /// How the links to other nodes are: batches, windows and waits are made to fit [default: lan]
    #[arg(long, value_enum)]
    pub link: Option<Link>,
    /// Configuration file [default: /etc/chaski/chaski.toml, if it exists and --data is not given]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Logs as JSON lines
    #[arg(long)]
    pub log_json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Tls {
    Auto,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Link {
    /// Fast and near
    Lan,
    /// The Internet
    Wan,
    /// Long round trips, however fast
    Satellite,
    /// Tens of kbit/s
    #[value(name = "2g")]
    TwoG,
}

/// How a command calls out.
#[derive(Debug, Default, Args)]
pub struct Links {
    /// How the link to the other node is: batches, windows and waits are made to fit [default: lan]
    #[arg(long, value_enum)]
    pub link: Option<Link>,
    /// Configuration file, of which `[peers]` link, bbr and segmentation_offload, `data` and `[unlock]` are
    /// taken [default: of /etc/chaski/chaski.toml what it says of links, if it is about this directory]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct Invite {
    #[command(flatten)]
    pub place: Place,
    /// What the new node is
    #[arg(long, value_enum, default_value_t = Role::Clinic)]
    pub role: Role,
    /// How long the ticket is good: 30m, 1h, 2d
    #[arg(long, default_value = "1h", value_parser = duration_seconds)]
    pub ttl: u64,
    /// An address, HOST:PORT, the new node reaches this one at; may be repeated
    #[arg(long, value_name = "ADDR")]
    pub addr: Vec<String>,
    /// Machine-readable output
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Role {
    Clinic,
    Mobile,
    Hub,
}

impl Role {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Clinic => "clinic",
            Self::Mobile => "mobile",
            Self::Hub => "hub",
        }
    }
}

#[derive(Debug, Args)]
pub struct Join {
    #[command(flatten)]
    pub place: Place,
    /// The ticket; - reads it from standard input
    pub ticket: String,
    /// Don't look for the inviting node on the local network where the ticket's addresses don't answer
    #[arg(long)]
    pub no_mdns: bool,
    #[command(flatten)]
    pub links: Links,
    /// The node's name [default: the machine's name]
    #[arg(long)]
    pub name: Option<String>,
    /// The site's short code
    #[arg(long)]
    pub site: Option<String>,
    /// Machine-readable output
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
#[command(subcommand_required = true)]
pub struct PeerArgs {
    #[command(flatten)]
    pub place: Place,
    /// Machine-readable output
    #[arg(long, global = true)]
    pub json: bool,
    #[command(subcommand)]
    pub action: Peer,
}

#[derive(Debug, Subcommand)]
pub enum Peer {
    /// The network's nodes
    List,
    /// Ends a node's membership, for good
    Revoke {
        /// Its key or the beginning of it, or its name
        node: String,
    },
}

#[derive(Debug, Args)]
#[command(subcommand_required = true)]
pub struct HubArgs {
    #[command(flatten)]
    pub place: Place,
    /// Machine-readable output
    #[arg(long, global = true)]
    pub json: bool,
    #[command(subcommand)]
    pub action: Hub,
}

#[derive(Debug, Subcommand)]
pub enum Hub {
    /// Each site's last contact, backlog, troubles, version, clock, disk and bytes
    Status {
        /// A site that last synced, or joined and never did, so many days ago stands first, and makes the exit code 3
        #[arg(long, value_name = "N", default_value_t = chaski_node::hub::STALE_DAYS, value_parser = clap::value_parser!(u32).range(1..=3650))]
        stale_days: u32,
    },
}

#[derive(Debug, Args)]
#[command(subcommand_required = true)]
pub struct IssuerArgs {
    #[command(flatten)]
    pub place: Place,
    /// Machine-readable output
    #[arg(long, global = true)]
    pub json: bool,
    #[command(subcommand)]
    pub action: Issuer,
}

#[derive(Debug, Subcommand)]
pub enum Issuer {
    /// Who may invite and renew, and who no longer
    List,
    /// Makes a node of the network an issuer: it may invite, renew and revoke
    Add {
        /// Its key or the beginning of it, or its name
        node: String,
        /// Only for nodes of this role; may be repeated [default: any]
        #[arg(long, value_enum)]
        role: Vec<Role>,
        /// Only for nodes of this site, and only its records: no use where nodes are granted everything, as
        /// `invite` grants it; may be repeated [default: any]
        #[arg(long, value_name = "CODE")]
        site: Vec<String>,
        #[command(flatten)]
        root: RootFileArgs,
    },
    /// Ends a node as an issuer, for good; what it has issued, as far as known here, goes on counting
    End {
        /// Its key or the beginning of it, or its name
        node: String,
        #[command(flatten)]
        root: RootFileArgs,
    },
}

/// The root key as it was exported.
#[derive(Debug, Args)]
pub struct RootFileArgs {
    /// The file that `chaski root export` wrote [default: the key on this node]
    #[arg(long = "root", value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// A file whose first line is the passphrase that opens it [default: the directory's passphrase file]
    #[arg(
        long = "root-passphrase",
        value_name = "FILE",
        requires = "file",
        conflicts_with = "words"
    )]
    pub passphrase: Option<PathBuf>,
    /// A file with its recovery words; - reads them from standard input
    #[arg(long = "root-words", value_name = "FILE", requires = "file")]
    pub words: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct RootArgs {
    #[command(flatten)]
    pub place: Place,
    #[command(subcommand)]
    pub action: Root,
}

#[derive(Debug, Subcommand)]
pub enum Root {
    /// Writes the sealed root key to FILE and prints its recovery words
    Export {
        /// The file to write; it must not exist
        file: PathBuf,
        /// A file whose first line is the passphrase that also opens it
        #[arg(long, value_name = "FILE")]
        seal_with: Option<PathBuf>,
        /// Write the recovery words to this file (0600) instead of the terminal
        #[arg(long, value_name = "FILE")]
        words_file: Option<PathBuf>,
    },
}

#[derive(Debug, Args)]
pub struct Sync {
    #[command(flatten)]
    pub place: Place,
    /// A node's name or key, or an address; all known peers if absent
    pub peer: Option<String>,
    #[command(flatten)]
    pub links: Links,
    /// Machine-readable output
    #[arg(long)]
    pub json: bool,
}

/// A command that takes nothing but the directory.
#[derive(Debug, Args)]
pub struct Plain {
    #[command(flatten)]
    pub place: Place,
    /// Machine-readable output
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct Import {
    #[command(flatten)]
    pub place: Place,
    /// Put this before ids that are no UUIDs, and before references to them
    #[arg(long, value_name = "P", conflicts_with = "accept_ids")]
    pub id_prefix: Option<String>,
    /// Take ids as they are: they are unique in the whole network
    #[arg(long)]
    pub accept_ids: bool,
    /// Refuse every record that is not valid in some leaf, instead of carrying and marking leaves beside its meaning
    #[arg(long)]
    pub strict: bool,
    /// Write a line of JSON here for each entry that was refused, marked or kept, and each reference that names nobody
    #[arg(long, value_name = "FILE.ndjson")]
    pub report: Option<PathBuf>,
    /// Files; - is standard input
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Machine-readable output
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct Export {
    #[command(flatten)]
    pub place: Place,
    /// The file to write [default: standard output]
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(subcommand_required = true)]
pub struct ParcelArgs {
    #[command(flatten)]
    pub place: Place,
    /// Machine-readable output
    #[arg(long, global = true)]
    pub json: bool,
    #[command(subcommand)]
    pub action: Parcel,
}

#[derive(Debug, Subcommand)]
pub enum Parcel {
    /// Writes a parcel for other nodes
    Write {
        /// A node it is for: its name, its key or the beginning of it; may be repeated [default: all others]
        #[arg(long, value_name = "NODE")]
        to: Vec<String>,
        /// Also what these nodes are known to have, and what came from them
        #[arg(long)]
        all: bool,
        /// Write over a file that exists
        #[arg(long)]
        force: bool,
        /// The file to write
        file: PathBuf,
    },
    /// Takes in a parcel that another node wrote
    Read {
        /// The file; - is standard input
        file: PathBuf,
    },
}

#[derive(Debug, Args)]
pub struct Get {
    #[command(flatten)]
    pub place: Place,
    /// Type/id
    pub record: String,
    /// A version other than the current one
    #[arg(long, value_name = "V", conflicts_with = "history")]
    pub version: Option<String>,
    /// The versions that have been current here, as a history Bundle
    #[arg(long)]
    pub history: bool,
}

#[derive(Debug, Args)]
pub struct Put {
    #[command(flatten)]
    pub place: Place,
    /// A file with one record; - is standard input
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// The version that was read [default: the record's meta.versionId, else the current one]
    #[arg(long, value_name = "V")]
    pub if_match: Option<String>,
    /// Machine-readable output
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct Resolve {
    #[command(flatten)]
    pub place: Place,
    /// Type/id
    pub record: String,
    /// The conflict's path, as `conflicts` lists it
    pub path: String,
    #[command(flatten)]
    pub choice: Choice,
    /// The record's version as `conflicts` lists it: decide only if what was listed still stands
    #[arg(long, value_name = "V")]
    pub if_match: Option<String>,
    /// Machine-readable output
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct Choice {
    /// The value that shall stand, as JSON; null removes the element
    #[arg(long, value_name = "JSON")]
    pub value: Option<String>,
    /// The N-th value as listed, from 1
    #[arg(long, value_name = "N")]
    pub pick: Option<usize>,
}

#[derive(Debug, Args)]
pub struct Doctor {
    #[command(flatten)]
    pub place: Place,
    /// Make anew what can be derived from the records
    #[arg(long)]
    pub rebuild: bool,
    /// Machine-readable output
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
#[command(subcommand_required = true)]
pub struct TokenArgs {
    #[command(flatten)]
    pub place: Place,
    /// Machine-readable output
    #[arg(long, global = true)]
    pub json: bool,
    #[command(subcommand)]
    pub action: Token,
}

#[derive(Debug, Subcommand)]
pub enum Token {
    /// Makes a token and prints it, this one time
    Create {
        /// What it may; may be repeated
        #[arg(long, value_enum, default_values_t = [UserRole::Clinician])]
        role: Vec<UserRole>,
        /// Whose it is
        #[arg(long, default_value = "")]
        name: String,
        /// How long it is good: 30m, 12h, 90d [default: until it is revoked]
        #[arg(long, value_parser = duration_seconds)]
        ttl: Option<u64>,
    },
    /// The tokens, without their secrets
    List,
    /// Ends a token
    Revoke {
        /// Its id, as listed
        id: String,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum UserRole {
    Administrator,
    Clinician,
    Reader,
}

impl UserRole {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Administrator => "administrator",
            Self::Clinician => "clinician",
            Self::Reader => "reader",
        }
    }
}

#[derive(Debug, Args)]
pub struct Bench {
    /// Records of the first sync; start and idle memory are always measured at 100,000
    #[arg(long, value_name = "N", default_value_t = 20_000, value_parser = clap::value_parser!(u64).range(200..=10_000_000))]
    pub records: u64,
    /// Records at which start and idle memory are measured
    #[arg(long, value_name = "N", default_value_t = 100_000, hide = true)]
    pub start_records: u64,
    /// A folder of Synthea bundles to repeat under new ids, instead of our own sample
    #[arg(long, value_name = "DIR")]
    pub kit: Option<PathBuf>,
    /// Machine-readable output
    #[arg(long)]
    pub json: bool,
}

/// IP:PORT at which a node can be dialled.
fn dialled_ip(text: &str) -> Result<SocketAddr, String> {
    check_dialled(text)?;
    text.parse()
        .map_err(|_| "it must be an IP address and a port: names are not asked for here".to_owned())
}

/// `90`, `90s`, `30m`, `1h`, `2d` as seconds, between a second and ten years.
fn duration_seconds(text: &str) -> Result<u64, String> {
    const SECONDS_MAX: u64 = 10 * 365 * 86_400;
    let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at(split);
    let number: u64 = digits
        .parse()
        .map_err(|_| "must be a number with s, m, h or d".to_owned())?;
    let factor = match unit {
        "" | "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return Err("its unit must be s, m, h or d".to_owned()),
    };
    match number.checked_mul(factor) {
        Some(seconds) if (1..=SECONDS_MAX).contains(&seconds) => Ok(seconds),
        _ => Err("must be between a second and ten years".to_owned()),
    }
}

#[cfg(test)]
mod tests;
