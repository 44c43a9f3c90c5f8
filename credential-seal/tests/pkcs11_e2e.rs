//! SoftHSM, by PKCS#11. Where its tokens are is said by the environment, so the test runs itself again with that set.
#![cfg(feature = "pkcs11")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "in a test they are assertions")]

#[path = "support/moody.rs"]
mod support;

use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::Arc;

use credential_seal::configuration::Pkcs11 as Settings;
use credential_seal::pkcs11::Token;
use credential_seal::{Keyring, Limits, OpenError, ProviderError};
use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::mechanism::Mechanism;
use cryptoki::object::Attribute;
use cryptoki::session::UserType;
use cryptoki::types::AuthPin;
use support::{TOKEN, identity, token};

const CONFIGURATION: &str = "SOFTHSM2_CONF";
const PIN: &str = "12345678";

fn write(path: &Path, text: &str) {
    let mut options = std::fs::OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(path).unwrap();
    std::io::Write::write_all(&mut file, text.as_bytes()).unwrap();
}

#[test]
fn a_token_seals_and_opens_and_changes_keys() {
    let folder = tempfile::tempdir().unwrap();
    let tokens = folder.path().join("tokens");
    std::fs::create_dir(&tokens).unwrap();
    let configuration = folder.path().join("softhsm2.conf");
    write(
        &configuration,
        &format!("directories.tokendir = {}\nobjectstore.backend = file\n", tokens.display()),
    );
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "with_softhsm", "--nocapture"])
        .env(CONFIGURATION, &configuration)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

#[tokio::test]
#[ignore = "runs in a process of its own, started by the other test"]
async fn with_softhsm() {
    let module = testbed::softhsm_module().unwrap();
    let pin = AuthPin::new(PIN.into());
    let library = Pkcs11::new(&module).unwrap();
    library.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)).unwrap();
    let slot = library.get_all_slots().unwrap()[0];
    library.init_token(slot, &pin, "federation").unwrap();
    let session = library.open_rw_session(slot).unwrap();
    session.login(UserType::So, Some(&pin)).unwrap();
    session.init_pin(&pin).unwrap();
    session.logout().unwrap();
    session.login(UserType::User, Some(&pin)).unwrap();
    let make = |id: u8| {
        let template = [
            Attribute::Token(true),
            Attribute::Sensitive(true),
            Attribute::Extractable(false),
            Attribute::Encrypt(true),
            Attribute::Decrypt(true),
            Attribute::ValueLen(32.into()),
            Attribute::Label(b"kek".to_vec()),
            Attribute::Id(vec![id]),
        ];
        session.generate_key(&Mechanism::AesKeyGen, &template).unwrap()
    };
    let first = make(1);
    make(2);

    let pin_file = std::env::temp_dir().join(format!("credential-seal-pin-{}", std::process::id()));
    write(&pin_file, &format!("{PIN}\n"));
    let ring = |key_id: &str| {
        let settings = Settings {
            module: module.clone(),
            token: "federation".to_owned(),
            key_label: "kek".to_owned(),
            key_id: key_id.to_owned(),
            pin_file: pin_file.clone(),
        };
        let token = Token::open("hsm", &settings).unwrap();
        assert!(!format!("{token:?}").contains(PIN));
        Keyring::new(vec![Arc::new(token)], Limits::default()).unwrap()
    };
    let sealed = ring("01").seal(&identity("s"), &token()).await.unwrap();
    assert_eq!(ring("01").open(&identity("s"), &sealed).await.unwrap().expose(), TOKEN);
    // The newest key is another, and the old one still opens.
    let newer = ring("02");
    assert_eq!(newer.check().await[0].key_id.as_deref(), Some("02"));
    assert_eq!(newer.open(&identity("s"), &sealed).await.unwrap().expose(), TOKEN);
    assert!(!ring("03").check().await[0].is_well());

    session.destroy_object(first).unwrap();
    let error = ring("02").open(&identity("s"), &sealed).await.unwrap_err();
    assert!(matches!(error, OpenError::Provider { error: ProviderError::Refused(_), .. }), "{error}");
    std::fs::remove_file(pin_file).unwrap();
}
