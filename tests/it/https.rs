//! HTTPS as a client on the LAN meets it: the certificate that is served is the one whose fingerprint the
//! node tells, and nothing is served in the clear where others could listen.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::sync::{Arc, Mutex};

use chaski_tests::chaski::{Running, Site};
use chaski_tests::ports::own_port;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme, StreamOwned};

/// Takes whatever certificate it is shown, and remembers it, as somebody does who compares fingerprints.
#[derive(Debug)]
struct Shown {
    certificate: Mutex<Vec<u8>>,
    provider: Arc<rustls::crypto::CryptoProvider>,
}

impl ServerCertVerifier for Shown {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        *self.certificate.lock().unwrap() = end_entity.to_vec();
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, cert, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

/// Asks over HTTPS: the answer, and the certificate that was shown.
fn ask(port: u16, path: &str, token: &str) -> (String, Vec<u8>) {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let shown = Arc::new(Shown {
        certificate: Mutex::default(),
        provider: Arc::clone(&provider),
    });
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::clone(&shown) as Arc<dyn ServerCertVerifier>)
        .with_no_client_auth();
    let name = ServerName::try_from("localhost").unwrap();
    let client = ClientConnection::new(Arc::new(config), name).unwrap();
    let mut stream = StreamOwned::new(client, TcpStream::connect(("127.0.0.1", port)).unwrap());
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: localhost:{port}\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = Vec::new();
    // A server that only closes the connection ends it as well as one that says so.
    let _closed = stream.read_to_end(&mut answer);
    let certificate = shown.certificate.lock().unwrap().clone();
    (String::from_utf8_lossy(&answer).into_owned(), certificate)
}

/// SHA-256 as people compare it, made by another program than ours.
fn fingerprint(site: &Site, certificate: &[u8]) -> String {
    let file = site.home.path().join("shown.der");
    std::fs::write(&file, certificate).unwrap();
    let said = Command::new("sha256sum").arg(file).output().unwrap();
    let hex = String::from_utf8(said.stdout).unwrap();
    let hex = hex.split_whitespace().next().unwrap().to_uppercase();
    let pairs: Vec<&str> = (0..32).map(|index| &hex[2 * index..2 * index + 2]).collect();
    pairs.join(":")
}

/// A node that serves pages to the whole LAN.
fn serve(site: &Site, more: &[&str]) -> (Running, u16) {
    let port = own_port();
    let address = format!("0.0.0.0:{port}");
    let mut args = vec!["serve", "--quic", "127.0.0.1:0", "--http", &address];
    args.extend(more);
    let child = Running::start(site.command(&args));
    child.wait_until("the certificate", || child.said().contains("SHA-256"));
    (child, port)
}

fn told(child: &Running) -> String {
    let said = child.said();
    let line = said.lines().find(|line| line.contains("SHA-256")).unwrap();
    line.split_whitespace().last().unwrap().to_owned()
}

fn token(site: &Site) -> String {
    let said = site
        .run(&["token", "create", "--role", "clinician", "--json"])
        .ok();
    said.json()["token"].as_str().unwrap().to_owned()
}

#[test]
fn its_own_certificate_is_the_one_it_tells_and_stays() {
    let site = Site::init("Clinic A");
    let mut certificates = Vec::new();
    for _ in 0..2 {
        let (mut child, port) = serve(&site, &["--tls", "auto"]);
        assert!(child.said().contains("https://"), "{}", child.said());
        assert!(!child.said().contains('█'), "a QR code is for a terminal");
        let (answer, certificate) = ask(port, "/fhir/Patient", &token(&site));
        assert!(
            answer.starts_with("HTTP/1.1 200") && answer.contains("searchset"),
            "{answer}"
        );
        assert_eq!(fingerprint(&site, &certificate), told(&child));
        let (refused, _) = ask(port, "/fhir/Patient", "nobody");
        assert!(refused.starts_with("HTTP/1.1 401"), "{refused}");
        // In the clear there is nothing to be had.
        let mut plain = TcpStream::connect(("127.0.0.1", port)).unwrap();
        let _sent = write!(
            plain,
            "GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        );
        let mut answer = Vec::new();
        let _closed = plain.read_to_end(&mut answer);
        assert!(!String::from_utf8_lossy(&answer).contains("200 OK"), "{answer:?}");
        certificates.push(certificate);
        child.terminate();
    }
    assert_eq!(
        certificates[0], certificates[1],
        "the one that people have accepted"
    );
}

#[test]
fn a_certificate_of_ones_own_is_served_as_it_is() {
    let site = Site::init("Clinic A");
    let made = rcgen::generate_simple_self_signed(vec!["clinic.lan".to_owned()]).unwrap();
    let (certificate, key) = (site.home.path().join("tls.pem"), site.home.path().join("tls.key"));
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let files = [
        "--tls-cert",
        certificate.to_str().unwrap(),
        "--tls-key",
        key.to_str().unwrap(),
    ];
    let (child, port) = serve(&site, &files);
    let (answer, shown) = ask(port, "/health", "");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!(shown, made.cert.der().to_vec());
    assert_eq!(fingerprint(&site, &shown), told(&child));
    drop(child);

    let other = rcgen::generate_simple_self_signed(vec!["other.lan".to_owned()]).unwrap();
    std::fs::write(&key, other.signing_key.serialize_pem()).unwrap();
    let mut args = vec!["serve", "--quic", "127.0.0.1:0", "--http", "127.0.0.1:0"];
    args.extend(files);
    let said = site.run(&args).expect(1);
    assert!(said.err.contains("certificate and key don't fit"), "{said:?}");
}

#[test]
fn a_terminal_is_shown_the_fingerprint_as_a_qr_code() {
    let site = Site::init("Clinic A");
    let serve = site.command(&[
        "serve",
        "--quic",
        "127.0.0.1:0",
        "--http",
        "127.0.0.1:0",
        "--tls",
        "auto",
    ]);
    let args = serve.get_args().map(|arg| arg.to_str().unwrap().to_owned());
    let words: Vec<String> = std::iter::once(serve.get_program().to_str().unwrap().to_owned())
        .chain(args)
        .collect();
    // `script` gives it a terminal.
    let mut script = Command::new("script");
    script.args(["-qec", &words.join(" "), "/dev/null"]);
    for (name, value) in serve.get_envs() {
        if let Some(value) = value {
            script.env(name, value);
        }
    }
    if Command::new("script").arg("--version").output().is_err() {
        return chaski_tests::skip("no script(1)");
    }
    script.stdin(std::process::Stdio::null());
    let mut child = Running::start(script);
    child.wait_until("the QR code", || child.said().contains('█'));
    assert!(child.said().contains("SHA-256"), "{}", child.said());
    // Killed outright it would leave what it runs behind.
    child.stop("TERM");
}

#[test]
fn nothing_is_served_in_the_clear_beyond_this_machine() {
    let site = Site::init("Clinic A");
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.7:0"] {
        let said = site
            .run(&["serve", "--quic", "127.0.0.1:0", "--http", address])
            .expect(2);
        assert!(
            said.err.contains("HTTPS") && said.err.contains("--tls auto"),
            "{said:?}"
        );
    }
}
