//! What stands behind an agent: a server that does what the first line of a connection asks for.

use std::{io, net::SocketAddr};

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// Runs until it is dropped. Knows these lines:
///
/// * `echo`: gives back what comes.
/// * `send N`: sends N bytes of [`pattern`], then ends.
/// * `count`: reads to the end, then answers how many bytes of the pattern came, and ends.
/// * `stream N`: sends N lines, one every few milliseconds.
/// * `GET …` and `POST …`: HTTP/1.1 with keep-alive; answers with the path, or with the length of the body; the path
///   `/bytes/N` answers with N bytes; an `Upgrade` header makes an echo of the connection.
pub struct Backend {
    pub address: SocketAddr,
    task: JoinHandle<()>,
}

impl Drop for Backend {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Backend {
    pub async fn start() -> Self {
        // Below the ports of outgoing connections, which some clients refuse to dial.
        let socket = loop {
            let port = 12_000 + u16::try_from(rand() % 3_000).unwrap();
            if let Ok(socket) = TcpListener::bind(("127.0.0.1", port)).await {
                break socket;
            }
        };
        let address = socket.local_addr().unwrap();
        let task = tokio::spawn(async move {
            let mut tasks = tokio::task::JoinSet::new();
            loop {
                let (stream, _) = socket.accept().await.unwrap();
                tasks.spawn(async move {
                    let _ = serve(stream).await;
                });
                while tasks.try_join_next().is_some() {}
            }
        });
        Self { address, task }
    }
}

fn rand() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(())
}

async fn serve(stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let (reader, mut writer) = stream.into_split();
    let mut reader = BufReader::with_capacity(64 << 10, reader);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            ["echo"] => {
                tokio::io::copy_buf(&mut reader, &mut writer).await?;
                return writer.shutdown().await;
            }
            ["send", count] => {
                send(&mut writer, count.parse().unwrap()).await?;
                return writer.shutdown().await;
            }
            ["stream", count] => {
                for number in 0..count.parse::<u64>().unwrap() {
                    writer.write_all(format!("{number}\n").as_bytes()).await?;
                    tokio::time::sleep(std::time::Duration::from_millis(3)).await;
                }
                return writer.shutdown().await;
            }
            ["count"] => {
                let mut checked = Checked::default();
                let mut buffer = vec![0; 64 << 10];
                loop {
                    match reader.read(&mut buffer).await? {
                        0 => break,
                        read => checked.check(&buffer[..read]),
                    }
                }
                writer.write_all(format!("{}\n", checked.count).as_bytes()).await?;
                return writer.shutdown().await;
            }
            [method, path, "HTTP/1.1"] => {
                if !http(method, path, &mut reader, &mut writer).await? {
                    tokio::io::copy_buf(&mut reader, &mut writer).await?;
                    return writer.shutdown().await;
                }
            }
            _ => return Err(io::Error::other(format!("not understood: {line:?}"))),
        }
    }
}

/// One request. False if the connection speaks something else from here on.
async fn http(
    method: &str,
    path: &str,
    reader: &mut (impl AsyncBufReadExt + Unpin),
    writer: &mut (impl AsyncWrite + Unpin),
) -> io::Result<bool> {
    let (mut length, mut upgrade) = (0, false);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).await?;
        let line = line.trim_end().to_ascii_lowercase();
        match line.split_once(": ") {
            _ if line.is_empty() => break,
            Some(("content-length", value)) => length = value.parse().unwrap(),
            Some(("upgrade", _)) => upgrade = true,
            _ => {}
        }
    }
    if upgrade {
        let head = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n";
        writer.write_all(head.as_bytes()).await?;
        return Ok(false);
    }
    if let Some(count) = path.strip_prefix("/bytes/") {
        writer.write_all(format!("HTTP/1.1 200 OK\r\nContent-Length: {count}\r\n\r\n").as_bytes()).await?;
        send(writer, count.parse().unwrap()).await?;
        return Ok(true);
    }
    let read = tokio::io::copy(&mut reader.take(length), &mut tokio::io::sink()).await?;
    let body = if method == "POST" { format!("{read}") } else { format!("this is {path}") };
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    writer.write_all(head.as_bytes()).await?;
    Ok(true)
}

async fn send(writer: &mut (impl AsyncWrite + Unpin), count: u64) -> io::Result<()> {
    let mut sent = 0;
    while sent < count {
        let part = pattern(sent, usize::try_from((count - sent).min(64 << 10)).unwrap());
        writer.write_all(&part).await?;
        sent += part.len() as u64;
    }
    Ok(())
}

/// The bytes from `offset` on of a text that no shift or gap leaves the same: a prime number of them, again and again.
pub fn pattern(offset: u64, length: usize) -> Vec<u8> {
    const PERIOD: u16 = 65_521;
    static TEXT: std::sync::LazyLock<Vec<u8>> = std::sync::LazyLock::new(|| {
        (0..u32::from(PERIOD)).map(|at| (at.wrapping_mul(0x9e37_79b1) >> 24).to_le_bytes()[0]).collect()
    });
    let begin = usize::try_from(offset % u64::from(PERIOD)).unwrap();
    let mut bytes = Vec::with_capacity(length + TEXT.len());
    bytes.extend_from_slice(&TEXT[begin..]);
    while bytes.len() < length {
        bytes.extend_from_slice(&TEXT);
    }
    bytes.truncate(length);
    bytes
}

/// Whether what comes is the pattern.
#[derive(Default)]
pub struct Checked {
    pub count: u64,
}

impl Checked {
    pub fn check(&mut self, bytes: &[u8]) {
        assert!(bytes == pattern(self.count, bytes.len()), "other bytes after {}", self.count);
        self.count += bytes.len() as u64;
    }
}

/// Reads to the end and says how many bytes of the pattern came.
pub async fn read_pattern(stream: &mut (impl AsyncReadExt + Unpin)) -> io::Result<u64> {
    let mut checked = Checked::default();
    let mut buffer = vec![0; 64 << 10];
    loop {
        match stream.read(&mut buffer).await? {
            0 => return Ok(checked.count),
            read => checked.check(&buffer[..read]),
        }
    }
}
