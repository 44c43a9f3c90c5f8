//! Files and texts that administrators write, and what was written by these programs and may come back changed.

use credential_seal::configuration::SealingConfiguration;
use credential_seal::envelope;
use federation_apiserver::audit::Policy;
use federation_apiserver::encryption::EncryptionConfiguration;
use revision_store::Datastore;
use serde_json::Value;

/// A document in YAML or JSON, as each of the files that it may be.
pub(crate) fn files(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let Ok(document) = crate::yaml::parse::<Value>(text) else { return };
    let _ = EncryptionConfiguration::read(document.clone());
    let _ = Policy::read(document.clone());
    let _ = serde_json::from_value::<SealingConfiguration>(document);
}

/// The address of a datastore; the password of one is not in what a log shows of it.
pub(crate) fn datastore(input: &[u8]) {
    const PASSWORD: &str = "correct-horse-battery";
    let text = String::from_utf8_lossy(input);
    let address = text.replace(":PASSWORD@", &format!(":{PASSWORD}@"));
    let Ok(datastore) = Datastore::parse(&address) else { return };
    if text.starts_with("mysql://") && text.matches('@').count() == 1 {
        assert!(!format!("{datastore:?}").contains(PASSWORD), "{datastore:?}");
    }
}

/// A sealed value: read and written as the same, and never opened if nobody sealed it.
pub(crate) fn sealed(input: &[u8]) {
    envelope::open_arbitrary(input);
}
