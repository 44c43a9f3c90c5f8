//! Sockets that connections come in by.

use std::{
    fs,
    io::{self, ErrorKind},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use tokio::net::{TcpListener, UnixListener, UnixStream};
use tokio_stream::wrappers::UnixListenerStream;
use tokio_util::sync::CancellationToken;
use tonic::transport::server::{Router, TcpIncoming};

use crate::listen::Place;

/// A socket that listens.
pub(super) enum Socket {
    Tcp(TcpListener),
    Unix(UnixListener, RemovedAtEnd),
}

/// A Unix socket's file, which goes when nobody listens any more.
pub(super) struct RemovedAtEnd(PathBuf);

impl Drop for RemovedAtEnd {
    fn drop(&mut self) {
        let _gone = fs::remove_file(&self.0);
    }
}

impl Socket {
    /// Listens at a place, and says where that is.
    pub(super) async fn bind(place: &Place) -> io::Result<(Place, Self)> {
        match place {
            Place::Tcp(address) => {
                let listener = TcpListener::bind(address).await?;
                Ok((Place::Tcp(listener.local_addr()?), Self::Tcp(listener)))
            }
            Place::Unix(path) => {
                remove_left_over(path).await?;
                let listener = UnixListener::bind(path)?;
                let removed = RemovedAtEnd(path.clone());
                // Who can open it can read and write everything.
                fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
                Ok((place.clone(), Self::Unix(listener, removed)))
            }
        }
    }

    /// Serves what comes in until told to stop.
    pub(super) async fn serve(
        self,
        router: Router,
        stop: CancellationToken,
    ) -> Result<(), tonic::transport::Error> {
        let stop = stop.cancelled_owned();
        match self {
            Self::Tcp(listener) => {
                let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
                router.serve_with_incoming_shutdown(incoming, stop).await
            }
            Self::Unix(listener, _removed) => {
                router.serve_with_incoming_shutdown(UnixListenerStream::new(listener), stop).await
            }
        }
    }
}

/// Takes the socket away that a killed process left; one that is in use stays.
async fn remove_left_over(path: &Path) -> io::Result<()> {
    match UnixStream::connect(path).await {
        Ok(_) => Err(ErrorKind::AddrInUse.into()),
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => fs::remove_file(path),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}
