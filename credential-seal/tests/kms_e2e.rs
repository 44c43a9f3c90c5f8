//! A plugin built on Kubernetes' own library.
#![allow(clippy::unwrap_used, clippy::panic, reason = "in a test they are assertions")]

#[path = "support/moody.rs"]
mod support;

use std::sync::Arc;
use std::time::{Duration, Instant};

use credential_seal::format::Sealed;
use credential_seal::kms_v2::KmsPlugin;
use credential_seal::{KeyProvider as _, Keyring, Limits, OpenError, ProviderError, SealError};
use support::{TOKEN, identity, token};
use testbed::KmsPlugin as Server;

fn ring(server: &Server) -> Keyring {
    let plugin = KmsPlugin::new("kms", &server.socket(), Duration::from_secs(3));
    Keyring::new(vec![Arc::new(plugin)], Limits { status_every: Duration::ZERO, ..Limits::default() })
        .unwrap()
}

#[tokio::test]
async fn a_plugin_seals_opens_changes_keys_and_fails_in_every_way() {
    let mut server = Server::start().await.unwrap();
    let sealed = ring(&server).seal(&identity("s"), &token()).await.unwrap();
    let read = Sealed::read(&sealed).unwrap();
    assert_eq!(read.key.key_id, "key-1");
    assert!(read.key.annotations.contains_key("kms-plugin.fedd.io"));
    let decrypted = server.calls("decrypt");
    let opening = ring(&server);
    for _ in 0..5 {
        assert_eq!(opening.open(&identity("s"), &sealed).await.unwrap().expose(), TOKEN);
    }
    assert_eq!((server.calls("encrypt"), server.calls("decrypt") - decrypted), (1, 1));

    // It is killed and comes back: the same client goes on.
    server.stop();
    let error = ring(&server).open(&identity("s"), &sealed).await.unwrap_err();
    assert!(error.is_transient(), "{error}");
    assert!(opening.open(&identity("s"), &sealed).await.is_ok(), "the key is remembered");
    server.start_again().await.unwrap();
    assert!(opening.check().await[0].is_well());

    // Its key changes: what comes has the new one.
    server.control(|control| control.rotate_to("key-2", [2; 32])).unwrap();
    opening.check().await;
    assert!(opening.is_stale(&read));
    let anew = opening.seal(&identity("s"), &token()).await.unwrap();
    assert_eq!(Sealed::read(&anew).unwrap().key.key_id, "key-2");

    // The old key is deleted.
    server.control(|control| control.keys.retain(|id, _| id != "key-1")).unwrap();
    let error = ring(&server).open(&identity("s"), &sealed).await.unwrap_err();
    let refused = matches!(&error, OpenError::Provider { error: ProviderError::Refused(_), .. });
    assert!(refused && error.to_string().contains("key-1"), "{error}");
    assert!(ring(&server).open(&identity("s"), &anew).await.is_ok());

    server.control(|control| control.garbage = true).unwrap();
    let error = ring(&server).open(&identity("s"), &anew).await.unwrap_err();
    assert!(matches!(error, OpenError::NotAuthentic { .. }), "{error}");
    // Nothing is sealed with a key that cannot be had back.
    let error = ring(&server).seal(&identity("s"), &token()).await.unwrap_err();
    assert!(
        matches!(
            &error,
            SealError::Provider { error: ProviderError::Nonsense(_) | ProviderError::Refused(_), .. }
        ),
        "{error}"
    );

    server
        .control(|control| (control.garbage, control.fail) = (false, "vault is sealed".to_owned()))
        .unwrap();
    let error = ring(&server).open(&identity("s"), &anew).await.unwrap_err();
    assert!(error.to_string().contains("vault is sealed"), "{error}");

    server.control(|control| (control.fail, control.delay_milliseconds) = (String::new(), 60_000)).unwrap();
    let slow = KmsPlugin::new("kms", &server.socket(), Duration::from_millis(200));
    let began = Instant::now();
    assert!(matches!(slow.status().await, Err(ProviderError::Away(_))));
    assert!(began.elapsed() < Duration::from_secs(30));
}
