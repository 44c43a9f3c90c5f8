//! A token sealed for one Secret, opened there and nowhere else. Embeds `credential-seal` alone.
//!
//! ```sh
//! cargo run -p examples --example credential_seal
//! ```

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::sync::Arc;

use credential_seal::format::Sealed;
use credential_seal::key_file::KeyFile;
use credential_seal::{Identity, Keyring, Limits, SecretBytes};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("key");
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
    file.write_all(b"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=")?;
    let (provider, warning) = KeyFile::open("development", &path)?;
    println!("warning: {warning}");
    let keyring = Keyring::new(vec![Arc::new(provider)], Limits::default())?;

    let here = Identity {
        cluster_uid: "4dd7b7b1-66d1-4ce1-9d3c-0a1e3c5e2a5f".to_owned(),
        namespace: "kube-federation-system".to_owned(),
        name: "rz00-token".to_owned(),
        field: "data/token".to_owned(),
    };
    let token = SecretBytes::new(b"open sesame".to_vec());
    let bytes = keyring.seal(&here, &token).await?;
    let sealed = Sealed::read(&bytes)?;
    println!("{token:?} became {} bytes, sealed by {}/{}", bytes.len(), sealed.provider, sealed.key.key_id);
    anyhow::ensure!(keyring.open(&here, &bytes).await? == token, "it opens where it was sealed");

    let elsewhere = Identity { name: "rz01-token".to_owned(), ..here };
    match keyring.open(&elsewhere, &bytes).await {
        Ok(_) => anyhow::bail!("it opened in another Secret, which it must not"),
        Err(error) => println!("elsewhere: {error}"),
    }
    for health in keyring.health() {
        println!("{}: {:?}", health.provider, health.calls);
    }
    Ok(())
}
