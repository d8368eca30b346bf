//! A running node: pages, FHIR, peers and the admin socket, until it is told to stop.
//!
//! Invariants: everything that listens is up before the node says so; stopping takes less than a second
//! whatever its clients do; what was acknowledged is durable already.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use axum::Router;
use chaski_clinic::access::{TokenKind, TokenRequest};
use chaski_clinic::{Caller, Roles, Settings};
use chaski_net::limits::GOODBYE_MS_MAX;
use chaski_net::{Net, NetConfig};
use chaski_store::OpenError;
use chaski_ui::UiState;
use tokio::sync::mpsc;

use super::info::{Info, Watching};
use super::locked::{Locked, can_be_typed};
use super::node::{Node, blocking};
use super::setup::{NewNode, init, machine_name, rescue_words, write_secret};
use super::signals::{notify, stop_asked};
use super::unlocking::{Failed, LOCK_WAIT, Opened, configure_floor, open_waiting};
use crate::admin::{AdminServer, Session};
use crate::config::{ConfigFile, Http, TlsMode};
use crate::error::NodeError;
use crate::key::KeyOptions;
use crate::member;
use crate::web::{PageParcels, Tls, WebServer, own_certificate, tls_from_files};

/// How long the network side may take to stop: its goodbye, and what it is committing.
const NET_STOP_MAX: Duration = Duration::from_millis(GOODBYE_MS_MAX + 200);

/// How long a node that is being made may take to be told to stop.
const MAKING_STOP_MAX: Duration = Duration::from_millis(500);

/// How long the store may take to close.
const CLOSE_MAX: Duration = Duration::from_millis(450);

/// What to run.
#[derive(Debug, Clone)]
pub struct ServeOptions {
    /// The node's directory.
    pub data: PathBuf,
    /// How it is unlocked.
    pub key: KeyOptions,
    /// Every other setting.
    pub config: ConfigFile,
}

/// Where a node that is up is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Up {
    /// The node's name.
    pub name: String,
    /// Base URL of pages, with a slash at its end; FHIR is below `fhir`.
    pub http: String,
    /// UDP address for peers.
    pub quic: String,
    /// The file with the one-use token of the first login, while it is good.
    pub token_file: Option<PathBuf>,
    /// SHA-256 of the HTTPS certificate.
    pub certificate: Option<String>,
    /// It waits for its passphrase.
    pub locked: bool,
    /// What the operator should know, one sentence each.
    pub notices: Vec<String>,
}

/// Runs a node until a signal; makes a new single-clinic node in an empty directory.
///
/// # Errors
/// When it can't be opened or can't listen.
pub async fn serve(options: ServeOptions, mut on_up: impl FnMut(&Up)) -> Result<(), NodeError> {
    options.config.http.check()?;
    configure_floor(options.config.disk.floor_mb);
    let stop = stop_asked();
    tokio::pin!(stop);
    let (making, opened) = (AtomicBool::new(false), OnceLock::new());
    let running = {
        let starting = start(&options, (&making, &opened), &mut on_up);
        tokio::pin!(starting);
        tokio::select! {
            biased;
            stopped = &mut stop => {
                // A node that is being made is given the time to tell its recovery words: otherwise they
                // wait for its next start. Everything else is left as a power cut would leave it.
                let made = async {
                    tokio::select! {
                        _ = &mut starting => {}
                        () = until_made(&making) => {}
                    }
                };
                let _in_time = tokio::time::timeout(MAKING_STOP_MAX, made).await;
                Err(stopped)
            }
            running = &mut starting => Ok(running?),
        }
    };
    let running = match running {
        Ok(running) => running,
        Err(stopped) => {
            if let Some(node) = opened.get() {
                close(node).await;
            }
            return stopped;
        }
    };
    notify("READY=1");
    let stopped = stop.await;
    notify("STOPPING=1");
    running.stop().await;
    stopped
}

/// Ends a node's network side and lets go of its directory, within a bounded time.
async fn close(node: &Node) {
    if tokio::time::timeout(NET_STOP_MAX, node.net_stop()).await.is_err() {
        tracing::warn!("the network side took too long to stop");
    }
    if tokio::time::timeout(CLOSE_MAX, node.close()).await.is_err() {
        tracing::warn!("the store took too long to close; it will be recovered at the next start");
    }
}

async fn until_made(making: &AtomicBool) {
    while making.load(Ordering::SeqCst) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Opens, or makes, the node and starts all that listens. May be dropped at any moment.
async fn start(
    options: &ServeOptions,
    (making, opening): (&AtomicBool, &OnceLock<Node>),
    on_up: &mut impl FnMut(&Up),
) -> Result<Running, NodeError> {
    let mut notices = Vec::new();
    let opened = match open(options, making, &mut notices).await? {
        Some(opened) => opened,
        None => unlock(options, on_up).await?,
    };
    let settings = Settings {
        accept_ids: options.config.records.accept_ids,
        country_code: options.config.phones.country_code.clone(),
        base_urls: options.config.http.base_urls.clone(),
        ..Settings::default()
    };
    let is_demo = member::membership(&opened.store)?.demo;
    let quic = check_demo(is_demo, &options.config)?;
    let node = Node::with_settings(&options.data, opened, settings).await?;
    let node = opening.get_or_init(|| node).clone();
    // A demo's node is known to nobody on other machines, and looks for nobody there.
    let far = |addresses: &[SocketAddr]| if is_demo { Vec::new() } else { addresses.to_vec() };
    let parts = Parts {
        http: options.config.http.clone(),
        net: NetConfig {
            quic,
            mdns: options.config.peers.mdns && !is_demo,
            advertise: far(&options.config.peers.advertise),
            peers: far(&options.config.peers.dial),
            neighbours_ms: options.config.peers.neighbours_after_s * 1_000,
            ..options.config.peers.links().net()
        },
        test_data: is_demo,
    };
    let running = match Running::start(node.clone(), parts).await {
        Ok(running) => running,
        Err(error) => {
            node.close().await;
            return Err(error);
        }
    };
    let token_file = first_token(&node).await?;
    on_up(&running.up(token_file, notices));
    Ok(running)
}

/// Where peers may reach the node: a demo's never leaves this machine.
fn check_demo(is_demo: bool, config: &ConfigFile) -> Result<SocketAddr, NodeError> {
    let quic = config.peers.address;
    if !is_demo {
        return Ok(quic);
    }
    if !config.http.address.ip().is_loopback() {
        return Err(NodeError::Usage(
            "a demo's node is served on loopback only".to_owned(),
        ));
    }
    if quic.ip().is_loopback() {
        return Ok(quic);
    }
    Ok(SocketAddr::from((std::net::Ipv4Addr::LOCALHOST, quic.port())))
}

/// Opens the directory; `None` when a person has to unlock it.
async fn open(
    options: &ServeOptions,
    making: &AtomicBool,
    notices: &mut Vec<String>,
) -> Result<Option<Opened>, NodeError> {
    let (data, key) = (options.data.clone(), options.key.clone());
    let attempt = move || {
        let (data, key) = (data.clone(), key.clone());
        async move {
            tokio::task::spawn_blocking(move || open_waiting(&data, &key, LOCK_WAIT))
                .await
                .map_err(|_| NodeError::Failed("opening ended abruptly".to_owned()))
        }
    };
    match attempt().await? {
        Ok(opened) if opened.store.identity().is_none() => {
            blocking(move || {
                opened.store.close();
                Ok(())
            })
            .await?;
            make(options, making, notices).await?;
        }
        Ok(opened) => {
            let (whole, data) = (opened.clone(), options.data.clone());
            // A node is up without them; it says so at each start.
            match blocking(move || rescue_words(&whole, &data)).await {
                Ok(file) => notices.extend(file.map(|file| words_notice(&file))),
                Err(error) => notices.push(format!("The recovery words could not be kept: {error}")),
            }
            return Ok(Some(opened));
        }
        Err(Failed::Open(OpenError::Missing)) => make(options, making, notices).await?,
        Err(Failed::Open(OpenError::NoKey))
            if options.key == KeyOptions::default() && can_be_typed(&options.data) =>
        {
            return Ok(None);
        }
        Err(Failed::Open(OpenError::InUse)) => return Err(in_use(&options.data).await),
        Err(failed) => return Err(failed.into_error(&options.data)),
    }
    attempt()
        .await?
        .map(Some)
        .map_err(|failed| failed.into_error(&options.data))
}

/// Who has the directory, and what to do: another node that runs there answers on its socket.
async fn in_use(data: &Path) -> NodeError {
    match Session::connect(data).await {
        Ok(Some(session)) => {
            let process = session
                .process()
                .map_or(String::new(), |id| format!(" (process {id})"));
            NodeError::Locked(format!(
                "{} is served already by a running chaski{process}; use its pages, stop it first, or name another \
                 directory with --data",
                data.display()
            ))
        }
        Ok(None) => Failed::Open(OpenError::InUse).into_error(data),
        Err(error) => error,
    }
}

/// A new single-clinic node.
async fn make(
    options: &ServeOptions,
    making: &AtomicBool,
    notices: &mut Vec<String>,
) -> Result<(), NodeError> {
    making.store(true, Ordering::SeqCst);
    let new = NewNode {
        data: options.data.clone(),
        name: options.config.name.clone().unwrap_or_else(machine_name),
        site: options.config.site.clone().unwrap_or_default(),
        key: options.key.clone(),
    };
    let made = init(new).await?;
    notices.push(format!("A new node in {}.", options.data.display()));
    notices.extend(made.notices.iter().cloned());
    if made.recovery_words.is_some() {
        match made.write_words() {
            Ok(file) => {
                notices.push(words_notice(&file));
                // Told twice is better than not at all.
                if let Err(error) = made.words_told().await {
                    tracing::warn!(%error, "the recovery words are told again at the next start");
                }
            }
            Err(error) => notices.push(format!("The recovery words could not be kept: {error}")),
        }
    }
    making.store(false, Ordering::SeqCst);
    Ok(())
}

fn words_notice(file: &Path) -> String {
    format!(
        "Recovery words, which open the directory when its key is lost: {} (0600). Move them to a safe place.",
        file.display()
    )
}

/// Serves the unlock page until somebody has unlocked it.
async fn unlock(options: &ServeOptions, on_up: &mut impl FnMut(&Up)) -> Result<Opened, NodeError> {
    let http = &options.config.http;
    // The own certificate is sealed in the store: until it is unlocked, only files can serve HTTPS.
    let tls = match http.tls {
        TlsMode::Files => files_tls(http)?,
        TlsMode::Off | TlsMode::Auto => None,
    };
    let address = match http.tls {
        TlsMode::Auto => SocketAddr::from((std::net::Ipv4Addr::LOCALHOST, http.address.port())),
        TlsMode::Off | TlsMode::Files => http.address,
    };
    let (sender, mut opened) = mpsc::channel(1);
    let name = options.config.name.clone().unwrap_or_else(machine_name);
    let locked = Locked::new(options.data.clone(), name.clone(), sender);
    let server = WebServer::start(address, chaski_ui::unlock_router(locked), tls.as_ref()).await?;
    on_up(&Up {
        name,
        http: base_url(server.address(), tls.is_some()),
        quic: String::new(),
        token_file: None,
        certificate: tls.map(|tls| tls.fingerprint),
        locked: true,
        notices: Vec::new(),
    });
    notify("READY=1\nSTATUS=locked");
    let opened = opened.recv().await;
    server.stop().await;
    opened.ok_or_else(|| NodeError::Failed("the unlock page ended".to_owned()))
}

/// What a running node is made of.
#[derive(Debug, Clone)]
pub struct Parts {
    /// Where pages and FHIR listen.
    pub http: Http,
    /// Where peers reach the node, and how it reaches them.
    pub net: NetConfig,
    /// Whether its records are made up.
    pub test_data: bool,
}

/// A node that listens.
pub struct Running {
    node: Node,
    net: Net,
    web: WebServer,
    tls: Option<Tls>,
    admin: AdminServer,
    info: Arc<Info>,
    watching: Watching,
    ui: UiState,
}

impl Running {
    /// Starts everything that listens.
    ///
    /// # Errors
    /// When an address is taken or can't be used.
    pub async fn start(node: Node, parts: Parts) -> Result<Self, NodeError> {
        let tls = tls(&node, &parts.http).await?;
        let advertise = parts.net.advertise.clone();
        let net = node.net_start(parts.net).await?;
        let (info, watching) = Info::start(&node, &net, parts.test_data).await?;
        let parcels = Arc::new(PageParcels::new(node.clone()));
        let ui = UiState::new(node.clinic().clone(), info.clone(), parcels, tls.is_some());
        let router = router(&node, &ui, &info, &parts.http);
        let web = WebServer::start(parts.http.address, router, tls.as_ref()).await?;
        let admin = AdminServer::start(node.clone())?;
        member::remember_addresses(node.store(), net.local_addr(), &advertise)?;
        Ok(Self {
            node,
            net,
            web,
            tls,
            admin,
            info,
            watching,
            ui,
        })
    }

    /// The node that is served.
    pub fn node(&self) -> &Node {
        &self.node
    }

    /// Its network side.
    pub fn net(&self) -> &Net {
        &self.net
    }

    /// What the node's pages share.
    pub fn ui(&self) -> &UiState {
        &self.ui
    }

    /// What the pages know of it.
    pub fn info(&self) -> &Arc<Info> {
        &self.info
    }

    /// The address of pages and FHIR.
    pub fn address(&self) -> SocketAddr {
        self.web.address()
    }

    /// Base URL of its pages, with a slash at its end.
    pub fn http(&self) -> String {
        base_url(self.web.address(), self.tls.is_some())
    }

    /// Where it is reached.
    pub fn up(&self, token_file: Option<PathBuf>, notices: Vec<String>) -> Up {
        Up {
            name: chaski_ui::NodeInfo::summary(self.info.as_ref()).name,
            http: self.http(),
            quic: self.net.local_addr().to_string(),
            token_file,
            certificate: self.tls.as_ref().map(|tls| tls.fingerprint.clone()),
            locked: false,
            notices,
        }
    }

    /// Stops within a second.
    pub async fn stop(self) {
        let Self {
            node,
            net: _,
            web,
            tls: _,
            admin,
            info,
            watching,
            ui,
        } = self;
        let begun = Instant::now();
        drop(admin);
        info.end();
        drop(watching);
        drop(ui);
        let net_node = node.clone();
        let net_stop = async move {
            if tokio::time::timeout(NET_STOP_MAX, net_node.net_stop())
                .await
                .is_err()
            {
                tracing::warn!("the network side took too long to stop");
            }
        };
        tokio::join!(web.stop(), net_stop);
        tracing::debug!(
            elapsed_ms = begun.elapsed().as_millis(),
            "nothing listens any more"
        );
        if tokio::time::timeout(CLOSE_MAX, node.close()).await.is_err() {
            tracing::warn!("the store took too long to close; it will be recovered at the next start");
        }
        tracing::debug!(elapsed_ms = begun.elapsed().as_millis(), "stopped");
    }
}

fn router(node: &Node, ui: &UiState, info: &Arc<Info>, http: &Http) -> Router {
    let info = Arc::downgrade(info);
    let settings = chaski_http::HttpSettings {
        extra_metrics: Some(Arc::new(move || {
            info.upgrade().map_or_else(String::new, |info| info.metrics())
        })),
        base_url: http.base_urls.first().cloned(),
        secure: http.tls != TlsMode::Off,
        ..chaski_http::HttpSettings::default()
    };
    let state = chaski_http::HttpState::new(Arc::new(node.clinic().clone()), settings);
    chaski_http::router(state).merge(chaski_ui::router(ui.clone()))
}

async fn tls(node: &Node, http: &Http) -> Result<Option<Tls>, NodeError> {
    match http.tls {
        TlsMode::Off => Ok(None),
        TlsMode::Files => files_tls(http),
        TlsMode::Auto => {
            let (store, address) = (node.store().clone(), http.address);
            blocking(move || own_certificate(&store, address)).await.map(Some)
        }
    }
}

fn files_tls(http: &Http) -> Result<Option<Tls>, NodeError> {
    match (&http.certificate, &http.key) {
        (Some(certificate), Some(key)) => tls_from_files(certificate, key).map(Some),
        _ => Err(NodeError::Usage(
            "HTTPS from files needs both the certificate and its key".to_owned(),
        )),
    }
}

fn base_url(address: SocketAddr, is_https: bool) -> String {
    let scheme = if is_https { "https" } else { "http" };
    let host = if address.ip().is_unspecified() {
        format!("{}:{}", machine_name(), address.port())
    } else {
        address.to_string()
    };
    format!("{scheme}://{host}/")
}

/// The one-use token of the first login: made when the node has no token at all, or when the one made
/// was never used.
async fn first_token(node: &Node) -> Result<Option<PathBuf>, NodeError> {
    let file = node.protection().beside(node.data(), "first-login");
    let (clinic, caller) = (node.clinic().clone(), node.operator("first login"));
    blocking(move || first_token_blocking(&clinic, &caller, &file)).await
}

fn first_token_blocking(
    clinic: &chaski_clinic::Clinic,
    caller: &Caller,
    file: &Path,
) -> Result<Option<PathBuf>, NodeError> {
    let tokens = clinic
        .token_list(caller)
        .map_err(|error| crate::admin::access_error(&error))?;
    let now_ms = clinic.now_ms();
    let waiting = tokens
        .iter()
        .any(|token| token.kind == TokenKind::OneUse && token.is_live(now_ms));
    if waiting && file.exists() {
        return Ok(Some(file.to_path_buf()));
    }
    // Made, but lost before it was told (a power cut at the first start): nobody can have used it.
    let is_lost = waiting && tokens.iter().all(|token| token.kind == TokenKind::OneUse);
    for token in tokens.iter().filter(|token| is_lost && token.ended_ms.is_none()) {
        clinic
            .token_revoke(caller, &token.id)
            .map_err(|error| crate::admin::access_error(&error))?;
    }
    if !tokens.is_empty() && !is_lost {
        if file.exists() && !waiting {
            // Used: what is left of it is of no use to anyone.
            let _removed = std::fs::remove_file(file);
        }
        return Ok(None);
    }
    let request = TokenRequest {
        user: "first login".to_owned(),
        roles: Roles::bootstrap(),
        kind: TokenKind::OneUse,
        life_ms: None,
    };
    let issued = clinic
        .token_create(caller, &request)
        .map_err(|error| crate::admin::access_error(&error))?;
    write_secret(file, &format!("{}\n", issued.token))?;
    Ok(Some(file.to_path_buf()))
}
