//! A minimal HTTP/1.1 client that keeps its connection: what measures must cost little itself.

use std::net::SocketAddr;

use chaski_node::NodeError;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The longest header block, in bytes.
const HEAD_BYTES_MAX: usize = 64 * 1024;

/// A connection to the node that is measured.
pub struct Client {
    stream: TcpStream,
    buffer: Vec<u8>,
    headers: String,
}

impl Client {
    /// Connects; `token` goes into every request.
    ///
    /// # Errors
    /// When nobody listens.
    pub async fn connect(address: SocketAddr, token: Option<&str>) -> Result<Self, NodeError> {
        let token = token
            .map(|token| format!("Authorization: Bearer {token}\r\n"))
            .unwrap_or_default();
        Self::with_headers(address, &format!("Accept: application/fhir+json\r\n{token}")).await
    }

    /// Connects as a browser that holds `cookie`.
    ///
    /// # Errors
    /// When nobody listens.
    pub async fn signed_in(address: SocketAddr, cookie: &str) -> Result<Self, NodeError> {
        Self::with_headers(address, &format!("Accept: text/html\r\nCookie: {cookie}\r\n")).await
    }

    async fn with_headers(address: SocketAddr, headers: &str) -> Result<Self, NodeError> {
        let stream = TcpStream::connect(address)
            .await
            .map_err(|error| NodeError::io("connecting", &error))?;
        stream
            .set_nodelay(true)
            .map_err(|error| NodeError::io("connecting", &error))?;
        let headers = format!("Host: {address}\r\n{headers}\r\n");
        Ok(Self {
            stream,
            buffer: Vec::new(),
            headers,
        })
    }

    /// Follows a log-in link; the session's cookie.
    ///
    /// # Errors
    /// When the link does not sign in.
    pub async fn sign_in(&mut self, link: &str) -> Result<String, NodeError> {
        self.get(link).await?;
        let answer = String::from_utf8_lossy(&self.buffer);
        let cookie = answer.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            let pair = value.split(';').next()?.trim();
            (name.eq_ignore_ascii_case("set-cookie") && pair.starts_with("chaski-session"))
                .then(|| pair.to_owned())
        });
        cookie.ok_or_else(|| NodeError::Failed("the log-in link did not sign in".to_owned()))
    }

    /// Gets a path; the status and the body's length.
    ///
    /// # Errors
    /// When the connection breaks or the answer isn't HTTP with a length.
    pub async fn get(&mut self, path: &str) -> Result<(u16, usize), NodeError> {
        let broken = |error: std::io::Error| NodeError::io("the connection", &error);
        let request = format!("GET {path} HTTP/1.1\r\n{}", self.headers);
        self.stream.write_all(request.as_bytes()).await.map_err(broken)?;
        self.buffer.clear();
        let head = loop {
            if self.stream.read_buf(&mut self.buffer).await.map_err(broken)? == 0 {
                return Err(NodeError::Failed("the server closed the connection".to_owned()));
            }
            if let Some(end) = self.buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                break end;
            }
            if self.buffer.len() > HEAD_BYTES_MAX {
                return Err(NodeError::Failed("the answer has no end of headers".to_owned()));
            }
        };
        let (status, length) = self
            .buffer
            .get(..head)
            .and_then(parse_head)
            .ok_or_else(|| NodeError::Failed("the answer is no HTTP with a content length".to_owned()))?;
        let whole = head + 4 + length;
        while self.buffer.len() < whole {
            if self.stream.read_buf(&mut self.buffer).await.map_err(broken)? == 0 {
                return Err(NodeError::Failed("the answer was cut".to_owned()));
            }
        }
        Ok((status, length))
    }
}

fn parse_head(head: &[u8]) -> Option<(u16, usize)> {
    let text = std::str::from_utf8(head).ok()?;
    let mut lines = text.lines();
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let length = lines.find_map(|line| {
        let (name, value) = line.split_once(':')?;
        if name.eq_ignore_ascii_case("content-length") {
            value.trim().parse().ok()
        } else {
            None
        }
    })?;
    Some((status, length))
}

/// How many gets of `paths`, in turn, `clients` connections make in a second.
///
/// # Errors
/// When one fails or isn't answered by 200.
pub async fn gets_per_s(
    address: SocketAddr,
    token: Option<&str>,
    paths: &[String],
    clients: usize,
    seconds: f64,
) -> Result<f64, NodeError> {
    let begun = std::time::Instant::now();
    let mut tasks = Vec::new();
    for number in 0..clients {
        let paths = paths.to_vec();
        let mut client = Client::connect(address, token).await?;
        tasks.push(tokio::spawn(async move {
            let mut count = 0_u64;
            for path in paths.iter().cycle().skip(number * 7) {
                let (status, _) = client.get(path).await?;
                if status != 200 {
                    return Err(NodeError::Failed(format!(
                        "a measured request got status {status}"
                    )));
                }
                count += 1;
                if begun.elapsed().as_secs_f64() >= seconds {
                    break;
                }
            }
            Ok(count)
        }));
    }
    let mut total = 0_u64;
    for task in tasks {
        total += task
            .await
            .map_err(|error| NodeError::failed("measuring", error))??;
    }
    Ok(total as f64 / begun.elapsed().as_secs_f64().max(1e-9))
}
