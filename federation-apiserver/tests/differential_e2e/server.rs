//! A server, and what it answers.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use federation_apiserver::body::{Parsed, Yaml};
use federation_apiserver::builtin::Profile;
use federation_apiserver::server::Settings;
use federation_apiserver::{EmbeddedServer, Options, Secrets};
use http_body_util::BodyExt as _;
use kube::client::Body;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use revision_store::Store;
use serde_json::Value;

use crate::masking::Masks;
use crate::request::Request;

/// Headers that are compared.
const HEADERS: [&str; 4] = ["content-type", "warning", "retry-after", "location"];

/// What is sent again and again is sent so often.
const ATTEMPTS: usize = 300;

/// How long the next line of a watch is waited for.
const PATIENCE: Duration = Duration::from_secs(8);

/// How long an answer is waited for: the first write of a new resource takes kube-apiserver five seconds.
const ANSWER: Duration = Duration::from_secs(30);

/// One of the two.
pub(crate) struct Server {
    client: Client,
}

/// An answer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answer {
    pub(crate) code: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Value,
}

/// A server of this project, on a socket, with all the kinds it has.
pub(crate) async fn embedded(store: Arc<dyn Store>) -> (EmbeddedServer, Server) {
    let (server, config) = started(store, |_| {}).await;
    (server, Server::new(config))
}

/// The same with room for one request.
pub(crate) async fn crowded(store: Arc<dyn Store>) -> (EmbeddedServer, Server, Config) {
    let (server, config) = started(store, |settings| settings.in_flight = 1).await;
    (server, Server::new(config.clone()), config)
}

async fn started(store: Arc<dyn Store>, set: impl FnOnce(&mut Settings)) -> (EmbeddedServer, Config) {
    let secrets = Secrets::generate(jiff::Timestamp::now()).unwrap();
    let options = Options::new(store, Profile::Member, secrets);
    let listen = Some(([127, 0, 0, 1], 0).into());
    // The other one has no controllers either.
    let mut options = Options { listen, simulation: None, accounts: false, ..options };
    options.settings.yaml = Some(Yaml {
        read: |bytes| {
            let reader = serde_yaml::Deserializer::from_slice(bytes);
            Parsed::read(reader).map_err(|error| error.to_string())
        },
        write: |value| serde_yaml::to_string(value).map_err(|error| error.to_string()),
    });
    set(&mut options.settings);
    let server = EmbeddedServer::start(options).await.unwrap();
    let kubeconfig: Kubeconfig = serde_json::from_value(server.admin_kubeconfig("ours").unwrap()).unwrap();
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap();
    (server, config)
}

impl Server {
    pub(crate) fn new(mut config: Config) -> Self {
        config.default_retry = false;
        config.read_timeout = Some(Duration::from_secs(20));
        Self { client: Client::try_from(config).unwrap() }
    }

    /// Sends a request, with what was kept of earlier answers.
    pub(crate) async fn send(&self, request: &Request, masks: &Masks) -> Answer {
        for _ in 1..ATTEMPTS {
            let answer = self.once(request, masks).await;
            let done = request.until.is_none_or(|code| code == answer.code)
                && request.has.as_ref().is_none_or(|text| answer.body.to_string().contains(text));
            if done {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        self.once(request, masks).await
    }

    async fn once(&self, request: &Request, masks: &Masks) -> Answer {
        let path = masks.fill(&request.path);
        let mut builder = http::Request::builder().method(request.method.as_str()).uri(escaped(&path));
        for (name, value) in &request.headers {
            builder = builder.header(name, masks.fill(value));
        }
        let body = Body::from(masks.fill(&request.body).into_bytes());
        let sent = tokio::time::timeout(ANSWER, self.client.send(builder.body(body).unwrap()));
        let response = match sent.await {
            Ok(Ok(response)) => response,
            Err(_) => return Answer { body: "no answer in time".into(), ..Answer::default() },
            // No answer is an answer too: the other one must not give one either.
            Ok(Err(error)) => return Answer { body: error.to_string().into(), ..Answer::default() },
        };
        let (parts, body) = response.into_parts();
        let mut headers: Vec<(String, String)> = HEADERS
            .iter()
            .flat_map(|name| parts.headers.get_all(*name).iter().map(move |value| (name, value)))
            .map(|(name, value)| ((*name).to_owned(), value.to_str().unwrap_or("?").to_owned()))
            .collect();
        headers.sort();
        let text = read(body, request.lines).await;
        let yaml = headers.iter().any(|(_, value)| value == "application/yaml");
        let body = if yaml { serde_yaml::from_str(&text).unwrap() } else { parsed(&text) };
        Answer { code: parts.status.as_u16(), headers, body }
    }
}

/// The body, or its first lines.
async fn read(mut body: Body, lines: Option<usize>) -> String {
    let mut bytes = Vec::new();
    let enough = |bytes: &[u8]| lines.is_some_and(|n| bytes.split(|b| *b == b'\n').count() > n);
    while !enough(&bytes) {
        match tokio::time::timeout(PATIENCE, body.frame()).await {
            Ok(Some(Ok(frame))) => bytes.extend_from_slice(&frame.into_data().unwrap_or_default()),
            Ok(Some(Err(_)) | None) | Err(_) => break,
        }
    }
    let text = String::from_utf8_lossy(&bytes).into_owned();
    match lines {
        Some(n) => text.split_inclusive('\n').take(n).collect(),
        None => text,
    }
}

/// JSON; lines of JSON, as an array; or text.
fn parsed(text: &str) -> Value {
    if let Ok(value) = serde_json::from_str(text) {
        return value;
    }
    let lines: Result<Vec<Value>, _> = text.lines().map(serde_json::from_str).collect();
    match lines {
        Ok(lines) if !lines.is_empty() => Value::Array(lines),
        _ => Value::String(text.to_owned()),
    }
}

/// A path and query in which nothing is left that a URI cannot have.
fn escaped(path: &str) -> String {
    let mut out = String::new();
    for byte in path.bytes() {
        match byte {
            b' ' | b'"' | b'<' | b'>' | b'{' | b'}' | b'^' | b'|' | b'`' | b'\\' | 0x80.. => {
                let _ = write!(out, "%{byte:02X}");
            }
            _ => out.push(char::from(byte)),
        }
    }
    out
}
