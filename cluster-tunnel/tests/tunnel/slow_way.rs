//! A way between two sockets that is as bad as one likes: slow, far, lossy, forgotten or cut.

use std::{io, net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::{mpsc, watch},
    task::{JoinHandle, JoinSet},
    time::{Instant, sleep_until},
};

/// How bad it is, in each direction.
#[derive(Debug, Clone, Copy)]
pub struct Conditions {
    pub delay: Duration,
    pub bytes_per_second: u32,
    /// Of a thousand packets, so many are lost: what comes after them waits until they have been sent again.
    pub lost: u64,
    pub seed: u64,
}

/// What a packet may have.
const PACKET: usize = 1400;
/// Packets that are under way at once.
const UNDER_WAY: usize = 64;

/// What has happened to the connections so far, in the order of their numbers.
#[derive(Debug, Clone, Copy, Default)]
struct Fate {
    /// From those below, nothing arrives any more, and nobody is told.
    forgotten: u64,
    /// Those below are closed.
    cut: u64,
}

/// A port that leads to another address. Its connections end with it.
pub struct SlowWay {
    pub address: SocketAddr,
    fate: watch::Sender<Fate>,
    task: JoinHandle<()>,
}

impl Drop for SlowWay {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl SlowWay {
    pub async fn to(target: SocketAddr, conditions: Conditions) -> Self {
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let (fate, watched) = watch::channel(Fate::default());
        let task = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            for number in 0.. {
                let (near, _) = socket.accept().await.unwrap();
                connections.spawn(connect(near, target, conditions, number, watched.clone()));
            }
        });
        Self { address, fate, task }
    }

    /// The first connections, so many, lead nowhere from now on: as when a gateway has forgotten them.
    pub fn forget(&self, first: u64) {
        self.fate.send_modify(|fate| fate.forgotten = first);
    }

    /// Closes the first connections, so many.
    pub fn cut(&self, first: u64) {
        self.fate.send_modify(|fate| fate.cut = first);
    }
}

async fn connect(
    near: TcpStream,
    target: SocketAddr,
    conditions: Conditions,
    number: u64,
    fate: watch::Receiver<Fate>,
) -> io::Result<()> {
    let far = TcpStream::connect(target).await?;
    near.set_nodelay(true)?;
    far.set_nodelay(true)?;
    let ((near_in, near_out), (far_in, far_out)) = (near.into_split(), far.into_split());
    let both = async {
        tokio::join!(
            direction(near_in, far_out, conditions, number, fate.clone()),
            direction(
                far_in,
                near_out,
                Conditions { seed: conditions.seed + 1, ..conditions },
                number,
                fate.clone()
            ),
        )
    };
    let mut cut = fate.clone();
    tokio::select! {
        _ = both => {}
        _ = cut.wait_for(|fate| number < fate.cut) => {}
    }
    Ok(())
}

/// One direction, until its end has arrived.
async fn direction(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    conditions: Conditions,
    number: u64,
    fate: watch::Receiver<Fate>,
) {
    let (sender, mut under_way) = mpsc::channel::<(Instant, Vec<u8>)>(UNDER_WAY);
    let leaving = async move {
        let (mut departs, mut arrives) = (Instant::now(), Instant::now());
        let mut chance = conditions.seed.wrapping_add(number);
        loop {
            let mut packet = vec![0; PACKET];
            let Ok(read @ 1..) = from.read(&mut packet).await else { return };
            packet.truncate(read);
            let takes = Duration::from_secs(read as u64) / conditions.bytes_per_second;
            departs = departs.max(Instant::now()) + takes;
            sleep_until(departs).await;
            chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let again =
                if (chance >> 33) % 1000 < conditions.lost { conditions.delay * 3 } else { Duration::ZERO };
            arrives = arrives.max(departs + conditions.delay + again);
            if sender.send((arrives, packet)).await.is_err() {
                return;
            }
        }
    };
    let arriving = async {
        while let Some((arrives, packet)) = under_way.recv().await {
            sleep_until(arrives).await;
            if number < fate.borrow().forgotten {
                std::future::pending::<()>().await;
            }
            if to.write_all(&packet).await.is_err() {
                return;
            }
        }
        // A forgotten end does not arrive, either.
        if number < fate.borrow().forgotten {
            std::future::pending::<()>().await;
        }
        let _ = to.shutdown().await;
    };
    tokio::join!(leaving, arriving);
}
