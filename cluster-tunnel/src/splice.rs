//! Bytes between a socket and a tunnel.

use std::{io, time::Duration};

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::{Reason, TunnelStream, chunks::Chunks};

/// What is read from a socket at once, at most: with the heads of a message, four whole TLS records.
const READ: usize = (64 << 10) - 64;
/// What a buffer has at first, and at least: an idle tunnel keeps it.
const LEAST: usize = 8 << 10;
/// What is written to a socket at once, if so much waits.
const WRITE: usize = 256 << 10;
/// How long a socket may take what was delivered before the tunnel's end.
const LINGER: Duration = Duration::from_secs(10);

/// Copies in both directions until both have ended or the tunnel is gone, then closes both. What the tunnel delivered
/// before its end is written. `first` was read from the socket before.
pub(crate) async fn splice(
    mut reader: impl AsyncRead + Unpin,
    mut writer: impl AsyncWrite + Unpin,
    tunnel: TunnelStream,
    first: BytesMut,
) {
    let error = {
        let (mut up_done, mut down_done) = (false, false);
        let up = upward(&mut reader, &tunnel, first);
        let down = downward(&mut writer, &tunnel);
        let overdue = async {
            tunnel.gone().await;
            tokio::time::sleep(LINGER).await;
        };
        tokio::pin!(up, down, overdue);
        loop {
            tokio::select! {
                result = &mut up, if !up_done => match result {
                    Ok(()) => up_done = true,
                    Err(error) => break error.to_string(),
                },
                result = &mut down, if !down_done => match result {
                    Ok(()) => down_done = true,
                    Err(error) => break error.to_string(),
                },
                // Everything is written, and what the socket sends goes nowhere.
                () = tunnel.gone(), if down_done => break String::new(),
                () = &mut overdue => break "the socket did not take what was left".to_owned(),
            }
            if up_done && down_done {
                break String::new();
            }
        }
    };
    tunnel.close(error);
}

/// Why copying stopped before its end.
#[derive(Debug, thiserror::Error)]
enum Stopped {
    #[error("{0}")]
    Socket(#[source] io::Error),
    #[error("{0}")]
    Tunnel(#[source] Reason),
}

async fn upward(
    reader: &mut (impl AsyncRead + Unpin),
    tunnel: &TunnelStream,
    first: BytesMut,
) -> Result<(), Stopped> {
    let mut buffer = first;
    let mut size = LEAST;
    loop {
        // How the tunnel ended is seen by who reads from it.
        let Ok(most) = tunnel.sendable().await else { return Ok(()) };
        if buffer.is_empty() {
            // Tiny reads would become tiny frames.
            if buffer.capacity() < size / 2 {
                buffer = BytesMut::with_capacity(size);
            }
            let read = (&mut *reader).take(most as u64).read_buf(&mut buffer).await;
            match read.map_err(Stopped::Socket)? {
                0 => {
                    tunnel.finish();
                    return Ok(());
                }
                // Who sends much gets a large buffer, until no more comes.
                read if read >= size / 2 => size = (size * 4).min(READ),
                read if read < LEAST / 2 => size = LEAST,
                _ => {}
            }
        }
        tunnel.send_now(buffer.split_to(most.min(buffer.len())).freeze());
    }
}

async fn downward(writer: &mut (impl AsyncWrite + Unpin), tunnel: &TunnelStream) -> Result<(), Stopped> {
    let mut chunks = Chunks::default();
    loop {
        let bytes = tunnel.receive_waiting(WRITE, &mut chunks).await.map_err(Stopped::Tunnel)?;
        if bytes == 0 {
            break;
        }
        writer.write_all_buf(&mut chunks).await.map_err(Stopped::Socket)?;
        // Not before: what a socket does not take is the tunnel's, and counts against its window.
        tunnel.written(bytes);
    }
    writer.shutdown().await.map_err(Stopped::Socket)
}
