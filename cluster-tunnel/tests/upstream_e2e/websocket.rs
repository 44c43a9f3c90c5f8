//! As much of WebSocket (RFC 6455) as Kubernetes' streams need.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

const BINARY: u8 = 2;
const CLOSE: u8 = 8;

/// Asks for a WebSocket, as a client. The answer's head is read, and not a byte more.
pub async fn ask(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    path: &str,
    protocol: &str,
) -> io::Result<String> {
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nOrigin: https://127.0.0.1\r\nConnection: Upgrade\r\n\
         Upgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         Sec-WebSocket-Protocol: {protocol}\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await?;
    stream.flush().await?;
    read_head(stream).await
}

pub async fn read_head(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    String::from_utf8(head).map_err(io::Error::other)
}

/// The next message that is data; `None` at the end.
pub async fn read(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<Vec<u8>>> {
    let mut message = Vec::new();
    loop {
        let (first, second) = (stream.read_u8().await?, stream.read_u8().await?);
        let length = match second & 0x7f {
            126 => u64::from(stream.read_u16().await?),
            127 => stream.read_u64().await?,
            short => u64::from(short),
        };
        let mut mask = [0; 4];
        if second & 0x80 != 0 {
            stream.read_exact(&mut mask).await?;
        }
        let mut payload = vec![0; usize::try_from(length).map_err(io::Error::other)?];
        stream.read_exact(&mut payload).await?;
        payload.iter_mut().zip(mask.iter().cycle()).for_each(|(byte, mask)| *byte ^= mask);
        match first & 0xf {
            CLOSE => return Ok(None),
            control if control > CLOSE => continue,
            _ => message.extend_from_slice(&payload),
        }
        if first & 0x80 != 0 {
            return Ok(Some(message));
        }
    }
}

/// Sends a message; clients mask theirs.
pub async fn write(stream: &mut (impl AsyncWrite + Unpin), message: &[u8], masked: bool) -> io::Result<()> {
    let masking = if masked { 0x80 } else { 0 };
    let length = u16::try_from(message.len()).map_err(io::Error::other)?;
    let mut frame = vec![0x80 | BINARY, masking | 0x7e];
    frame.extend_from_slice(&length.to_be_bytes());
    let mask: &[u8] = if masked { &[1, 2, 3, 4] } else { &[0; 4] };
    if masked {
        frame.extend_from_slice(mask);
    }
    frame.extend(message.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    stream.write_all(&frame).await?;
    stream.flush().await
}
