//! Clients that ask for a tunnel by HTTP/1.1 CONNECT.

use std::io;

use bytes::BytesMut;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{
    Caller, ServerEvent, TunnelServer,
    listen::{Connection, Peer},
};
use crate::{CLUSTER_HEADER, REASON_HEADER, Reason, TraceParent, TunnelStream, splice::splice, trace};

/// The most that a request's head may have.
const HEAD: usize = 8 << 10;
/// Exactly this is what clients look for.
const ESTABLISHED: &[u8] = b"HTTP/1.1 200 Connection Established\r\n\r\n";

/// The category of what is no request for a tunnel.
const NO_REQUEST: &str = "request";

/// What a client asked for.
#[derive(Debug, PartialEq, Eq)]
struct Asked {
    address: String,
    cluster: Option<String>,
    trace: Option<TraceParent>,
}

/// What a client is told instead of a tunnel.
#[derive(Debug, PartialEq, Eq)]
struct Rejected {
    status: &'static str,
    /// The reason's category.
    category: &'static str,
    text: String,
}

/// One request and its tunnel.
pub(super) async fn converse(server: &TunnelServer, mut stream: Box<dyn Connection>, peer: &Peer) {
    let mut head = BytesMut::with_capacity(1024);
    let asked =
        tokio::time::timeout(server.shared.settings.handshake, read_head(&mut stream, &mut head)).await;
    let asked = match asked {
        Ok(Ok(asked)) => asked,
        // The client went away before it had asked.
        Ok(Err(error)) => return tracing::debug!(%error, "a client's request cannot be read"),
        Err(_) => return tracing::debug!("a client's request took too long"),
    };
    let dialled = match asked {
        Ok(asked) => dial(server, &asked, peer, &mut stream, &mut head).await,
        Err(rejected) => Some(Err(rejected)),
    };
    match dialled {
        Some(Ok(tunnel)) => {
            let (reader, mut writer) = tokio::io::split(stream);
            match writer.write_all(ESTABLISHED).await {
                Ok(()) => splice(reader, writer, tunnel, head).await,
                Err(error) => tracing::debug!(%error, "a client went away"),
            }
        }
        Some(Err(Rejected { status, category, text })) => {
            let length = text.len();
            let answer = format!(
                "HTTP/1.1 {status}\r\n{REASON_HEADER}: {category}\r\nContent-Type: text/plain; charset=utf-8\r\n\
                 Content-Length: {length}\r\nConnection: close\r\n\r\n{text}"
            );
            let _ = stream.write_all(answer.as_bytes()).await;
            let _ = stream.shutdown().await;
        }
        None => {}
    }
}

/// Dials for a client. `None` if it went away in the meantime, which gives the dial up.
async fn dial(
    server: &TunnelServer,
    asked: &Asked,
    peer: &Peer,
    stream: &mut Box<dyn Connection>,
    early: &mut BytesMut,
) -> Option<Result<TunnelStream, Rejected>> {
    let by_socket = Caller::by_socket(peer.address, peer.certificates.first());
    let caller = Caller { trace: asked.trace, ..by_socket };
    let route = server.shared.settings.host_names.route(&asked.address, asked.cluster.as_deref());
    let (cluster, result) = match route {
        Err(error) => (None, Err(error.into())),
        Ok((cluster, target)) => {
            let mut dial = Box::pin(server.dial(&caller, &cluster, &target));
            let result = loop {
                let read = async {
                    if early.len() < HEAD {
                        stream.read_buf(early).await
                    } else {
                        std::future::pending().await
                    }
                };
                tokio::select! {
                    result = &mut dial => break result,
                    // A client may send before it has an answer; its end means that it has gone.
                    read = read => if !matches!(read, Ok(1..)) { return None },
                }
            };
            drop(dial);
            (Some(cluster), result)
        }
    };
    Some(result.map_err(|reason| {
        let rejected =
            Rejected { status: status(&reason), category: reason.category(), text: reason.to_string() };
        server.shared.report(ServerEvent::DialFailed { caller, cluster, reason });
        rejected
    }))
}

fn status(reason: &Reason) -> &'static str {
    match reason {
        Reason::Denied(_) => "403 Forbidden",
        Reason::NoRoute(_) => "400 Bad Request",
        Reason::NoAgent => "503 Service Unavailable",
        Reason::TooMany(_) => "429 Too Many Requests",
        Reason::TimedOut => "504 Gateway Timeout",
        _ => "502 Bad Gateway",
    }
}

/// Reads a request's head; what came after it stays in `buffer`.
async fn read_head(
    stream: &mut Box<dyn Connection>,
    buffer: &mut BytesMut,
) -> io::Result<Result<Asked, Rejected>> {
    loop {
        if let Some((asked, length)) = parse(buffer) {
            let _ = buffer.split_to(length);
            return Ok(asked);
        }
        if buffer.len() >= HEAD {
            let text = format!("the request's head has more than {HEAD} bytes");
            let status = "431 Request Header Fields Too Large";
            return Ok(Err(Rejected { status, category: NO_REQUEST, text }));
        }
        if stream.read_buf(buffer).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}

/// What a head asks for, and its length. `None` if it is not whole yet.
fn parse(bytes: &[u8]) -> Option<(Result<Asked, Rejected>, usize)> {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut request = httparse::Request::new(&mut headers);
    let bad =
        |text: &str| Err(Rejected { status: "400 Bad Request", category: NO_REQUEST, text: text.to_owned() });
    let length = match request.parse(bytes) {
        Ok(httparse::Status::Partial) => return None,
        Ok(httparse::Status::Complete(length)) => length,
        Err(error) => return Some((bad(&format!("this is no HTTP/1.1 request: {error}")), bytes.len())),
    };
    let asked = match (request.method, request.path) {
        (Some("CONNECT"), Some(address)) => {
            let text = |name: &str| {
                let header = request.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name));
                header.map(|header| std::str::from_utf8(header.value)).transpose()
            };
            // One that cannot be read is nobody's.
            let trace = text(trace::HEADER).ok().flatten().and_then(|text| text.trim().parse().ok());
            match text(CLUSTER_HEADER) {
                Ok(cluster) => Ok(Asked {
                    address: address.to_owned(),
                    cluster: cluster.map(|name| name.trim().to_owned()),
                    trace,
                }),
                Err(_) => bad("the cluster's name is no text"),
            }
        }
        _ => Err(Rejected {
            status: "405 Method Not Allowed",
            category: NO_REQUEST,
            text: "this server is for CONNECT requests only".to_owned(),
        }),
    };
    Some((asked, length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_target_is_the_request_lines_and_the_host_header_says_nothing() {
        let head = b"CONNECT m1.tunnel.internal:443 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\nearly";
        let (asked, length) = parse(head).unwrap();
        let address = "m1.tunnel.internal:443".to_owned();
        assert_eq!(asked, Ok(Asked { address, cluster: None, trace: None }));
        assert_eq!(&head[length..], b"early");
    }

    #[test]
    fn the_cluster_may_be_named_in_a_header() {
        let head = b"CONNECT 10.0.0.1:443 HTTP/1.1\r\nCluster-Tunnel-Cluster: m1\r\n\
            Traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n\r\n";
        let (asked, _) = parse(head).unwrap();
        let asked = asked.unwrap();
        assert_eq!(asked.cluster.as_deref(), Some("m1"));
        assert_eq!(asked.trace.map(|trace| trace.parent), Some(0x00f0_67aa_0ba9_02b7));
    }

    #[test]
    fn anything_but_connect_is_told_so_and_half_a_head_waits() {
        assert_eq!(parse(b"CONNECT a:1 HTTP/1.1\r\nHost:"), None);
        let status = |head: &[u8]| parse(head).unwrap().0.unwrap_err().status;
        assert_eq!(status(b"GET / HTTP/1.1\r\n\r\n"), "405 Method Not Allowed");
        assert_eq!(status(b"\x16\x03\x01\x02\x00\x01\x00\x01"), "400 Bad Request");
    }
}
