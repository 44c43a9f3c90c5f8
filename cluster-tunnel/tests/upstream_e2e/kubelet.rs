//! What an API server needs of a kubelet for exec: a process that gives back what it is told.

use std::{net::SocketAddr, sync::Arc};

use arc_swap::ArcSwap;
use tokio::{io::AsyncWriteExt, net::TcpListener, task::JoinHandle};
use tokio_rustls::TlsAcceptor;

use crate::websocket;

/// The channels of `v4.channel.k8s.io`: each message begins with one.
pub const STDIN: u8 = 0;
pub const STDOUT: u8 = 1;

/// Runs until it is dropped.
pub struct Kubelet {
    pub address: SocketAddr,
    task: JoinHandle<()>,
}

impl Drop for Kubelet {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Kubelet {
    pub async fn start(tls: Arc<ArcSwap<rustls::ServerConfig>>) -> Self {
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let mut tls = (*tls.load_full()).clone();
        tls.alpn_protocols.clear();
        let acceptor = TlsAcceptor::from(Arc::new(tls));
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = socket.accept().await.unwrap();
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    let mut stream = acceptor.accept(stream).await.unwrap();
                    let head = websocket::read_head(&mut stream).await.unwrap();
                    assert!(head.starts_with("GET /exec/default/cat/main?"), "{head}");
                    let answer = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                                  Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\
                                  Sec-WebSocket-Protocol: v4.channel.k8s.io\r\n\r\n";
                    stream.write_all(answer.as_bytes()).await.unwrap();
                    while let Ok(Some(mut message)) = websocket::read(&mut stream).await {
                        assert_eq!(message[0], STDIN);
                        message[0] = STDOUT;
                        websocket::write(&mut stream, &message, false).await.unwrap();
                    }
                });
            }
        });
        Self { address, task }
    }
}
