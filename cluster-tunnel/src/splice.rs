//! Bytes between a socket and a tunnel.

use std::{io, time::Duration};

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::{Reason, TunnelStream};

/// What is read from a socket at once, at most.
const READ: usize = 64 << 10;
/// A buffer with less room is not read into: tiny reads would become tiny frames.
const LEAST: usize = 4 << 10;
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
    loop {
        // How the tunnel ended is seen by who reads from it.
        let Ok(most) = tunnel.sendable().await else { return Ok(()) };
        if buffer.is_empty() {
            if buffer.capacity() < LEAST {
                buffer = BytesMut::with_capacity(READ);
            }
            let read = (&mut *reader).take(most as u64).read_buf(&mut buffer).await;
            if read.map_err(Stopped::Socket)? == 0 {
                tunnel.finish();
                return Ok(());
            }
        }
        tunnel.send_now(buffer.split_to(most.min(buffer.len())).freeze());
    }
}

async fn downward(writer: &mut (impl AsyncWrite + Unpin), tunnel: &TunnelStream) -> Result<(), Stopped> {
    while let Some(mut bytes) = tunnel.receive().await.map_err(Stopped::Tunnel)? {
        writer.write_all_buf(&mut bytes).await.map_err(Stopped::Socket)?;
    }
    writer.shutdown().await.map_err(Stopped::Socket)
}
