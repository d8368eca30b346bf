//! The configuration file of `serve`, of which `sync` and `join` take what is said of links, and what the node runs with once flags, environment and file are
//! put together (in this order of precedence; the command does the putting).
//!
//! Invariants: an unknown name in the file is an error, not a silence; `packaging/chaski.toml` shows every
//! name with its default, which a test holds it to.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use serde::de::Error;
use serde::{Deserialize, Deserializer};

use chaski_fhir::sought::is_calling_code;
pub use chaski_net::LinkProfile;
use chaski_net::NetConfig;
use chaski_net::addresses::check_dialled_ip;
use chaski_net::limits::{NEIGHBOURS_AFTER_MS, NEIGHBOURS_AFTER_MS_MAX, NEIGHBOURS_AFTER_MS_MIN};

use crate::error::NodeError;
use crate::names::check_harmless;
use crate::zone;

/// Where the packaged service keeps its configuration.
pub const SYSTEM_CONFIG: &str = "/etc/chaski/chaski.toml";

/// The largest configuration file read.
const CONFIG_BYTES_MAX: u64 = 1024 * 1024;

/// The file, as written.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ConfigFile {
    /// The node's directory.
    pub data: Option<PathBuf>,
    /// The node's name, used when `serve` makes a new one.
    pub name: Option<String>,
    /// The site's code, likewise.
    pub site: Option<String>,
    /// The clinic's time zone, by its IANA name; without it the machine's.
    pub zone: Option<String>,
    /// How the directory is unlocked.
    pub unlock: Unlock,
    /// Pages and FHIR.
    pub http: Http,
    /// How other nodes reach this one, and are found.
    pub peers: Peers,
    /// Which records are taken in.
    pub records: Records,
    /// How phone numbers are read.
    pub phones: Phones,
    /// How full the disk may become.
    pub disk: Disk,
    /// What is logged.
    pub log: Log,
}

/// The section `[unlock]`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Unlock {
    /// A key file outside the directory.
    pub key_file: Option<PathBuf>,
    /// A file with a passphrase.
    pub passphrase_file: Option<PathBuf>,
}

/// The section `[http]`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Http {
    /// Where to listen.
    pub address: SocketAddr,
    /// `off`, `auto`, or `files` with `certificate` and `key`.
    pub tls: TlsMode,
    /// Certificate chain, PEM.
    pub certificate: Option<PathBuf>,
    /// Its key, PEM.
    pub key: Option<PathBuf>,
    /// URLs under which this network's FHIR is known: absolute references below them become relative.
    pub base_urls: Vec<String>,
}

impl Default for Http {
    fn default() -> Self {
        Self {
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 8030)),
            tls: TlsMode::Off,
            certificate: None,
            key: None,
            base_urls: Vec::new(),
        }
    }
}

/// How HTTP is secured.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TlsMode {
    /// Plain HTTP: loopback only.
    #[default]
    Off,
    /// An own certificate, made at the first start.
    Auto,
    /// The files named.
    Files,
}

/// The section `[peers]`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Peers {
    /// Where to listen, UDP.
    pub address: SocketAddr,
    /// Find peers on the local network.
    pub mdns: bool,
    /// Addresses told to others, where they differ from the machine's own: a router forwards a port.
    pub advertise: Vec<SocketAddr>,
    /// Addresses of other nodes to look for, besides those that were learned.
    pub dial: Vec<SocketAddr>,
    /// How the links to other nodes are.
    pub link: LinkProfile,
    /// BBR instead of CUBIC: where packets are lost though nothing is crowded.
    pub bbr: bool,
    /// UDP segmentation offload: some drivers lose packets with it.
    pub segmentation_offload: bool,
    /// Seconds without a session with any node that this one is to be in touch with, after which it dials
    /// neighbours that it knows by the word of others alone.
    #[serde(deserialize_with = "neighbours_after_s")]
    pub neighbours_after_s: u64,
}

/// The seconds, within what makes sense: sooner, each cut of a link would set all neighbours dialling.
fn neighbours_after_s<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
    let (min_s, max_s) = (NEIGHBOURS_AFTER_MS_MIN / 1_000, NEIGHBOURS_AFTER_MS_MAX / 1_000);
    let seconds = u64::deserialize(from)?;
    if (min_s..=max_s).contains(&seconds) {
        return Ok(seconds);
    }
    Err(D::Error::custom(format!(
        "neighbours_after_s is {seconds}, and must be from {min_s} to {max_s} seconds"
    )))
}

impl Default for Peers {
    fn default() -> Self {
        Self {
            address: SocketAddr::from((Ipv4Addr::UNSPECIFIED, 8031)),
            mdns: false,
            advertise: Vec::new(),
            dial: Vec::new(),
            link: LinkProfile::default(),
            bbr: false,
            segmentation_offload: true,
            neighbours_after_s: NEIGHBOURS_AFTER_MS / 1_000,
        }
    }
}

/// How a node's links are, which one that only calls out is told too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Links {
    /// What they are expected to carry.
    pub profile: LinkProfile,
    /// As in [`Peers::bbr`].
    pub bbr: bool,
    /// As in [`Peers::segmentation_offload`].
    pub segmentation_offload: bool,
}

impl Default for Links {
    fn default() -> Self {
        Peers::default().links()
    }
}

impl Links {
    /// The network side of a command, which only calls out over such links.
    pub fn calling(self) -> NetConfig {
        NetConfig {
            listen: false,
            daemon: false,
            ..self.net()
        }
    }

    /// A network side over such links.
    pub fn net(self) -> NetConfig {
        NetConfig {
            profile: self.profile,
            bbr: self.bbr,
            segmentation_offload: self.segmentation_offload,
            ..NetConfig::default()
        }
    }
}

impl Peers {
    /// Refuses addresses that nobody can dial.
    ///
    /// # Errors
    /// Which it is, and what is wrong with it.
    pub fn check(&self) -> Result<(), NodeError> {
        for (name, addresses) in [("advertise", &self.advertise), ("dial", &self.dial)] {
            for address in addresses {
                check_dialled_ip(address).map_err(|error| NodeError::Usage(format!("{name}: {error}")))?;
            }
        }
        Ok(())
    }

    /// What is said of the links.
    pub fn links(&self) -> Links {
        Links {
            profile: self.link,
            bbr: self.bbr,
            segmentation_offload: self.segmentation_offload,
        }
    }
}

/// The section `[records]`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Records {
    /// Take ids that are no UUIDs as unique in the whole network.
    pub accept_ids: bool,
}

/// The section `[phones]`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Phones {
    /// The calling code of the clinic's country, digits only: a number that is written without one is of it.
    #[serde(deserialize_with = "country_code")]
    pub country_code: Option<String>,
}

/// A calling code, with its plus or without.
fn country_code<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    let text = String::deserialize(from)?;
    let digits = text.strip_prefix('+').unwrap_or(&text);
    match is_calling_code(digits) {
        true => Ok(Some(digits.to_owned())),
        false => Err(D::Error::custom(format!(
            "country_code is {text:?}, and must be a country's calling code, such as \"+51\""
        ))),
    }
}

/// The section `[disk]`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Disk {
    /// The free space in MB below which no more records are taken; without it 500 MB or 5 % of the disk.
    pub floor_mb: Option<u64>,
}

/// The section `[log]`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// What is logged, as tracing's filter directives.
    pub filter: String,
    /// JSON lines instead of text.
    pub json: bool,
}

impl Default for Log {
    fn default() -> Self {
        Self {
            filter: "info".to_owned(),
            json: false,
        }
    }
}

impl ConfigFile {
    /// Reads a file.
    ///
    /// # Errors
    /// When it can't be read, is over 1 MiB, isn't TOML, or has an unknown name.
    pub fn read(path: &Path) -> Result<Self, NodeError> {
        let about = format!("reading the configuration {}", path.display());
        let size = std::fs::metadata(path)
            .map_err(|error| NodeError::io(&about, &error))?
            .len();
        if size > CONFIG_BYTES_MAX {
            return Err(NodeError::Usage(format!("{about}: it is over 1 MiB")));
        }
        let text = std::fs::read_to_string(path).map_err(|error| NodeError::io(&about, &error))?;
        let file = Self::parse(&text).map_err(|error| NodeError::Usage(format!("{about}: {error}")))?;
        file.check()
            .map_err(|error| NodeError::Usage(format!("{about}: {error}")))?;
        Ok(file)
    }

    /// Refuses names that turn the text around them, a zone that there is not, and addresses of peers that nobody can dial.
    ///
    /// # Errors
    /// Which it is.
    pub fn check(&self) -> Result<(), NodeError> {
        for (what, text) in [("the name", &self.name), ("the site code", &self.site)] {
            check_harmless(what, text.as_deref().unwrap_or_default())?;
        }
        if let Some(zone) = &self.zone {
            zone::of_name(zone)?;
        }
        self.peers.check()
    }

    /// Parses a file's text.
    ///
    /// # Errors
    /// When it isn't TOML or has an unknown name; the text says where.
    pub fn parse(text: &str) -> Result<Self, toml::de::Error> {
        toml::from_str(text)
    }
}

impl Http {
    /// Refuses what would send records in the clear over a network.
    ///
    /// # Errors
    /// For an address other than loopback without TLS, and for TLS from files without both of them.
    pub fn check(&self) -> Result<(), NodeError> {
        match self.tls {
            TlsMode::Off if !self.address.ip().is_loopback() => Err(NodeError::Usage(format!(
                "{} is not a loopback address: pages and FHIR there need HTTPS; add --tls auto, \
                 or --tls-cert FILE --tls-key FILE",
                self.address
            ))),
            TlsMode::Files if self.certificate.is_none() || self.key.is_none() => Err(NodeError::Usage(
                "HTTPS from files needs both the certificate and its key".to_owned(),
            )),
            TlsMode::Off | TlsMode::Auto | TlsMode::Files => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXAMPLE: &str = include_str!("../../packaging/chaski.toml");

    #[test]
    fn the_packaged_example_is_the_packaged_default() {
        let read = ConfigFile::parse(EXAMPLE).unwrap();
        assert_eq!(read.data.as_deref(), Some(Path::new("/var/lib/chaski")));
        assert_eq!(read.http, Http::default());
        assert_eq!(read.peers, Peers::default());
        assert_eq!(read.disk, Disk::default());
        assert_eq!(read.log, Log::default());
    }

    #[test]
    fn every_commented_name_of_the_example_is_known() {
        let uncommented: String = EXAMPLE
            .lines()
            .map(|line| match line.strip_prefix("#") {
                Some(rest) if rest.starts_with(|c: char| c.is_ascii_lowercase()) && rest.contains(" = ") => {
                    rest
                }
                _ => line,
            })
            .map(|line| format!("{line}\n"))
            .collect();
        let read = ConfigFile::parse(&uncommented).unwrap();
        assert!(read.name.is_some() && read.unlock.passphrase_file.is_some());
        assert!(read.http.certificate.is_some() && !read.http.base_urls.is_empty());
        assert_eq!(read.disk.floor_mb, Some(500));
        assert!(read.zone.is_some() && read.check().is_ok());
    }

    #[test]
    fn an_unknown_name_is_an_error() {
        assert!(ConfigFile::parse("[http]\nadress = \"x\"\n").is_err());
    }

    #[test]
    fn a_zone_that_there_is_not_is_refused_with_what_would_be_right() {
        for (zone, is_known) in [
            ("Asia/Manila", true),
            ("asia/kathmandu", true),
            ("UTC", true),
            ("Asia/Manilla", false),
            ("+08:00", false),
            ("PHT", false),
            ("", false),
        ] {
            let file = ConfigFile::parse(&format!("zone = {zone:?}\n")).unwrap();
            let said = file.check().map_err(|error| error.to_string());
            assert_eq!(said.is_ok(), is_known, "{zone}: {said:?}");
            if let Err(said) = said {
                assert!(
                    said.contains(zone) && said.contains("such as Asia/Manila"),
                    "{said}"
                );
            }
        }
    }

    #[test]
    fn when_neighbours_are_dialled_is_set_within_bounds() {
        let told = |seconds: &str| ConfigFile::parse(&format!("[peers]\nneighbours_after_s = {seconds}\n"));
        for seconds in [5, 60, 86_400] {
            assert_eq!(
                told(&seconds.to_string()).unwrap().peers.neighbours_after_s,
                seconds
            );
        }
        for wrong in ["0", "4", "86401", "-1", "\"soon\""] {
            assert!(told(wrong).is_err(), "{wrong}");
        }
        let said = told("4").unwrap_err().to_string();
        assert!(
            said.contains("neighbours_after_s is 4, and must be from 5 to 86400 seconds"),
            "{said}"
        );
    }

    #[test]
    fn a_countrys_calling_code_is_one() {
        let told = |code: &str| ConfigFile::parse(&format!("[phones]\ncountry_code = \"{code}\"\n"));
        for (code, read) in [("+51", "51"), ("51", "51"), ("1", "1"), ("+252", "252")] {
            assert_eq!(told(code).unwrap().phones.country_code.as_deref(), Some(read));
        }
        for wrong in ["", "+", "PE", "0051", "511", "+1202", "5"] {
            let said = told(wrong).unwrap_err().to_string();
            assert!(said.contains("such as \"+51\""), "{said}");
        }
    }

    #[test]
    fn links_are_told_to_the_transport_as_they_are_configured() {
        let file =
            ConfigFile::parse("[peers]\nlink = \"satellite\"\nbbr = true\nsegmentation_offload = false\n");
        let net = file.unwrap().peers.links().calling();
        assert_eq!((net.listen, net.daemon), (false, false));
        assert_eq!(
            (net.profile, net.bbr, net.segmentation_offload),
            (LinkProfile::Satellite, true, false)
        );
        assert_eq!(Links::default(), Peers::default().links());
    }

    #[test]
    fn the_network_is_never_served_in_the_clear() {
        let mut http = Http {
            address: "192.0.2.1:80".parse().unwrap(),
            ..Http::default()
        };
        assert!(http.check().is_err());
        http.tls = TlsMode::Auto;
        assert!(http.check().is_ok());
        http.tls = TlsMode::Files;
        assert!(http.check().is_err());
        assert!(Http::default().check().is_ok());
    }
}
