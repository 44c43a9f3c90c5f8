//! Seals and opens per second, with the data key remembered and without. Run by `cargo bench -p credential-seal`.

#![allow(clippy::unwrap_used, reason = "a benchmark: it fails by panicking")]

#[path = "../tests/support/moody.rs"]
mod support;

use std::time::{Duration, Instant};

use credential_seal::Limits;
use support::{Moody, identity, token};

/// What a KMS in the same data centre takes for a call.
const CALL: Duration = Duration::from_millis(2);

fn told(what: &str, times: u32, took: Duration) {
    println!("{what:<36} {:>10.0} /s", f64::from(times) / took.as_secs_f64());
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let kms = Moody::new("kms", "k1");
    kms.mood.lock().delay = CALL;
    let ring = |limits| credential_seal::Keyring::new(vec![kms.clone()], limits).unwrap();
    let cached = ring(Limits::default());
    let uncached = || Limits { seals_per_key: 1, open_for: Duration::ZERO, ..Limits::default() };
    let (here, token) = (identity("s"), token());
    for (name, ring, times) in
        [("data key remembered", cached, 20_000), ("a call of 2 ms each time", ring(uncached()), 300)]
    {
        let sealed = ring.seal(&here, &token).await.unwrap();
        let began = Instant::now();
        for _ in 0..times {
            ring.seal(&here, &token).await.unwrap();
        }
        told(&format!("seal, {name}"), times, began.elapsed());
        let began = Instant::now();
        for _ in 0..times {
            ring.open(&here, &sealed).await.unwrap();
        }
        told(&format!("open, {name}"), times, began.elapsed());
    }
}
