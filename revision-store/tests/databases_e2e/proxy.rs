//! A way to a server that breaks when a transaction is being committed.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{UnixListener, UnixStream},
};

/// What happens to the next commits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Cut {
    Nothing,
    /// The next one does not reach the server.
    Before,
    /// The next one is done, and its answer is lost.
    After,
    /// The next one is done, and its answer is lost; so is the next confirmation, and its answer.
    AfterTwice,
    /// The next confirmation is done, and its answer is lost.
    Confirmation,
    /// The next one is done, and from then on nobody reaches the server.
    AfterForGood,
    /// Nobody reaches the server.
    All,
}

const CUTS: [Cut; 7] =
    [Cut::Nothing, Cut::Before, Cut::After, Cut::AfterTwice, Cut::Confirmation, Cut::AfterForGood, Cut::All];

/// The end of a batch, and of what makes durable what was found, as packets end.
const COMMITS: &[u8] = b"; COMMIT";
const CONFIRMS: &[u8] = b"\x03COMMIT";

pub(crate) struct Proxy {
    pub(crate) socket: PathBuf,
    cut: Arc<AtomicU8>,
}

impl Proxy {
    pub(crate) fn start(folder: &Path, server: &Path) -> Self {
        let socket = folder.join("proxy");
        let listener = UnixListener::bind(&socket).unwrap();
        let (cut, server) = (Arc::new(AtomicU8::new(0)), server.to_owned());
        let shared = Arc::clone(&cut);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if now(&shared) != Cut::All {
                    tokio::spawn(pass(client, server.clone(), Arc::clone(&shared)));
                }
            }
        });
        Self { socket, cut }
    }

    pub(crate) fn set(&self, cut: Cut) {
        self.cut.store(cut as u8, Ordering::SeqCst);
    }

    pub(crate) fn cut(&self) -> Cut {
        now(&self.cut)
    }
}

fn now(cut: &AtomicU8) -> Cut {
    CUTS[usize::from(cut.load(Ordering::SeqCst))]
}

async fn pass(client: UnixStream, server: PathBuf, cut: Arc<AtomicU8>) -> std::io::Result<()> {
    let server = UnixStream::connect(server).await?;
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let back = tokio::spawn(async move { tokio::io::copy(&mut from_server, &mut to_client).await });
    let mut buffer = vec![0; 1 << 16];
    loop {
        let read = from_client.read(&mut buffer).await?;
        let committing = buffer[..read].ends_with(COMMITS);
        let confirming = buffer[..read].ends_with(CONFIRMS);
        if read == 0 {
            break;
        }
        let then = match now(&cut) {
            Cut::Before if committing => {
                cut.store(Cut::Nothing as u8, Ordering::SeqCst);
                break;
            }
            Cut::After if committing => Cut::Nothing,
            Cut::AfterTwice if committing => Cut::Confirmation,
            Cut::Confirmation if confirming => Cut::Nothing,
            Cut::AfterForGood if committing => Cut::All,
            Cut::All => break,
            _ => {
                to_server.write_all(&buffer[..read]).await?;
                continue;
            }
        };
        back.abort();
        cut.store(then as u8, Ordering::SeqCst);
        to_server.write_all(&buffer[..read]).await?;
        // So that the server has read it before it sees the end.
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        return Ok(());
    }
    back.abort();
    Ok(())
}
