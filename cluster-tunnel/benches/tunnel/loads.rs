//! The loads of one way, and a line for each.

use std::{
    future::Future,
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    task::JoinSet,
};

use crate::{
    processes,
    way::{Way, get},
};

const WHILE: Duration = Duration::from_secs(4);
const MIB: u64 = 1 << 20;

pub fn heading() {
    println!("{:<22} {:<26} {:>9} {:>9} {:>9} {:>14}", "", "", "per s", "p50 ms", "p99 ms", "CPU");
}

pub async fn measure(name: &str, way: &Way) {
    for clients in [1, 32] {
        let (mut took, cpu) = timed(way, keep_alive(way, clients)).await;
        took.sort_unstable();
        let rate = took.len() as f64 / WHILE.as_secs_f64();
        let label = format!("requests, {clients} clients");
        let (p50, p99) = (percentile(&took, 50), percentile(&took, 99));
        row(name, &label, rate, &p50, &p99, &each(cpu, took.len() as u64));
    }
    let (count, cpu) = timed(way, new_tunnels(way)).await;
    row(name, "new tunnels, 16 clients", count as f64 / WHILE.as_secs_f64(), "", "", &each(cpu, count));
    for (label, streams, size) in [("MiB down, 1 stream", 1, 512 * MIB), ("MiB down, 8 streams", 8, 64 * MIB)]
    {
        let begin = Instant::now();
        let ((), cpu) = timed(way, together(streams, || download(way.clone(), size))).await;
        bulk(name, label, streams * size, begin.elapsed(), cpu);
    }
    let begin = Instant::now();
    let ((), cpu) = timed(way, upload(way.clone(), 512 * MIB)).await;
    bulk(name, "MiB up, 1 stream", 512 * MIB, begin.elapsed(), cpu);
    beside_a_stalled_reader(name, way).await;
}

fn row(name: &str, label: &str, rate: f64, p50: &str, p99: &str, cpu: &str) {
    println!("{name:<22} {label:<26} {rate:>9.0} {p50:>9} {p99:>9} {cpu:>14}");
}

fn bulk(name: &str, label: &str, bytes: u64, took: Duration, cpu: Duration) {
    let rate = (bytes / MIB) as f64 / took.as_secs_f64();
    let per_gib = cpu.as_secs_f64() * 1024.0 / (bytes / MIB) as f64;
    row(name, label, rate, "", "", &format!("{per_gib:.2} s/GiB"));
}

fn each(cpu: Duration, count: u64) -> String {
    format!("{:.0} µs", cpu.as_secs_f64() * 1e6 / count as f64)
}

/// What came of it, and the CPU that the way has used for it.
async fn timed<T>(way: &Way, load: impl Future<Output = T>) -> (T, Duration) {
    let before = processes::cpu(&way.pids);
    let outcome = load.await;
    (outcome, processes::cpu(&way.pids).saturating_sub(before))
}

/// How long each request took.
async fn keep_alive(way: &Way, clients: usize) -> Vec<Duration> {
    let mut tasks = JoinSet::new();
    for _ in 0..clients {
        let way = way.clone();
        tasks.spawn(async move {
            let mut stream = way.dial().await;
            let (begin, mut took) = (Instant::now(), Vec::new());
            while begin.elapsed() < WHILE {
                let asked = Instant::now();
                get(&mut stream).await;
                took.push(asked.elapsed());
            }
            took
        });
    }
    tasks.join_all().await.concat()
}

/// How many tunnels 16 clients make one after the other, with one request on each.
async fn new_tunnels(way: &Way) -> u64 {
    let mut tasks = JoinSet::new();
    let begin = Instant::now();
    for _ in 0..16 {
        let way = way.clone();
        tasks.spawn(async move {
            let mut count = 0;
            while begin.elapsed() < WHILE {
                get(&mut way.dial().await).await;
                count += 1;
            }
            count
        });
    }
    tasks.join_all().await.into_iter().sum()
}

async fn together<F>(count: u64, load: impl Fn() -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let mut tasks = JoinSet::new();
    (0..count).for_each(|_| drop(tasks.spawn(load())));
    tasks.join_all().await;
}

async fn download(way: Way, size: u64) {
    let mut stream = way.dial().await;
    stream.write_all(format!("send {size}\n").as_bytes()).await.unwrap();
    let mut buffer = vec![0; 256 << 10];
    let mut read = 0;
    while read < size {
        let more = stream.read(&mut buffer).await.unwrap();
        assert_ne!(more, 0, "the tunnel ended after {read} bytes");
        read += more as u64;
    }
}

async fn upload(way: Way, size: u64) {
    let mut stream = way.dial().await;
    let head = format!("POST / HTTP/1.1\r\nContent-Length: {size}\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let buffer = vec![7; 256 << 10];
    for _ in 0..size / buffer.len() as u64 {
        stream.write_all(&buffer).await.unwrap();
    }
    let mut answer = Vec::new();
    while !answer.ends_with(size.to_string().as_bytes()) {
        assert_ne!(stream.read_buf(&mut answer).await.unwrap(), 0, "the tunnel ended");
    }
}

/// Twenty requests on tunnels of their own while one client does not read what it asked for.
async fn beside_a_stalled_reader(name: &str, way: &Way) {
    let mut stalled = way.dial().await;
    stalled.write_all(format!("send {}\n", 512 * MIB).as_bytes()).await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let mut tasks = JoinSet::new();
    for _ in 0..20 {
        let way = way.clone();
        tasks.spawn(async move {
            let asked = Instant::now();
            let request = async { get(&mut way.dial().await).await };
            tokio::time::timeout(Duration::from_secs(3), request).await.ok().map(|()| asked.elapsed())
        });
    }
    let took = tasks.join_all().await;
    let mut in_time: Vec<_> = took.iter().flatten().copied().collect();
    in_time.sort_unstable();
    let late = took.len() - in_time.len();
    let p99 = if in_time.is_empty() { "-".to_owned() } else { percentile(&in_time, 99) };
    println!(
        "{name:<22} beside a stalled reader: {late} of {} time out, p99 of the others {p99} ms",
        took.len()
    );
}

fn percentile(sorted: &[Duration], percent: usize) -> String {
    let at = (sorted.len() * percent / 100).min(sorted.len() - 1);
    format!("{:.2}", sorted[at].as_secs_f64() * 1000.0)
}
