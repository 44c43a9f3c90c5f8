//! Keys in a hardware security module, by PKCS#11.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use aws_lc_rs::aead::NONCE_LEN;
use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error, RvError};
use cryptoki::mechanism::Mechanism;
use cryptoki::mechanism::aead::GcmParams;
use cryptoki::object::{Attribute, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::{Session, UserType};
use cryptoki::types::AuthPin;
use parking_lot::Mutex;
use zeroize::Zeroizing;

use crate::SecretBytes;
use crate::configuration::Pkcs11 as Settings;
use crate::data_key::random;
use crate::provider::{KeyProvider, ProviderError, WrappedKey, quoted};

/// A token: AES keys with one label, told apart by their ids. One of them wraps (AES-GCM, in the token), all unwrap.
pub struct Token {
    name: String,
    shared: Arc<Shared>,
}

struct Shared {
    library: Pkcs11,
    token: String,
    label: String,
    /// As hexadecimal digits.
    key_id: String,
    pin: AuthPin,
    /// PKCS#11 sessions do one thing at a time. None after a failure: the next call logs in anew.
    session: Mutex<Option<Session>>,
}

/// Why a token cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Pkcs11Error {
    /// The PIN cannot be read.
    #[error("cannot read pinFile {}: {source}", .path.display())]
    Pin {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Others can read the PIN.
    #[error("pinFile {} has mode {mode:03o}, and others than its owner may not read or write it: chmod 600 it", .path.display())]
    Mode {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// The library cannot be loaded.
    #[error("cannot load module {}: {detail}", .path.display())]
    Module {
        /// The library.
        path: PathBuf,
        /// Why.
        detail: String,
    },
    /// An id that is none.
    #[error("keyId {0:?} is not written in pairs of hexadecimal digits, such as 01")]
    KeyId(String),
}

impl Token {
    /// Loads the vendor's library. The token is logged into at the first call.
    ///
    /// # Errors
    /// The library or the PIN cannot be read, or the key's id is none.
    pub fn open(name: impl Into<String>, settings: &Settings) -> Result<Self, Pkcs11Error> {
        let key_id = settings.key_id.to_ascii_lowercase();
        if bytes(&key_id).is_none() {
            return Err(Pkcs11Error::KeyId(settings.key_id.clone()));
        }
        let pin = read_pin(&settings.pin_file)?;
        let failed = |error: Error| Pkcs11Error::Module {
            path: settings.module.clone(),
            detail: quoted(&error.to_string()),
        };
        let library = Pkcs11::new(&settings.module).map_err(failed)?;
        match library.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)) {
            // Another part of this process uses the library too.
            Ok(()) | Err(Error::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => {}
            Err(error) => return Err(failed(error)),
        }
        let shared = Shared {
            library,
            token: settings.token.clone(),
            label: settings.key_label.clone(),
            key_id,
            pin,
            session: Mutex::new(None),
        };
        Ok(Self { name: name.into(), shared: Arc::new(shared) })
    }

    /// PKCS#11 blocks, so it gets a thread that may.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Shared) -> Result<T, ProviderError> + Send + 'static,
    ) -> Result<T, ProviderError> {
        let shared = Arc::clone(&self.shared);
        tokio::task::spawn_blocking(move || work(&shared))
            .await
            .unwrap_or_else(|_| Err(ProviderError::Nonsense("the PKCS#11 module panicked".to_owned())))
    }
}

fn read_pin(path: &Path) -> Result<AuthPin, Pkcs11Error> {
    let failed = |source| Pkcs11Error::Pin { path: path.to_owned(), source };
    let mut file = fs::File::open(path).map_err(failed)?;
    let mode = file.metadata().map_err(failed)?.mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(Pkcs11Error::Mode { path: path.to_owned(), mode });
    }
    let mut text = Zeroizing::new(String::with_capacity(256));
    (&mut file).take(256).read_to_string(&mut text).map_err(failed)?;
    Ok(AuthPin::new(text.trim_end_matches(['\r', '\n']).into()))
}

impl Shared {
    /// Works on a session that is logged in. After a failure that is not the key's, the next call has a new session.
    fn in_session<T>(
        &self,
        work: impl FnOnce(&Session) -> Result<T, ProviderError>,
    ) -> Result<T, ProviderError> {
        let mut held = self.session.lock();
        let session = match held.take() {
            Some(session) => session,
            None => self.log_in()?,
        };
        let outcome = work(&session);
        if !matches!(outcome, Err(ProviderError::Away(_))) {
            *held = Some(session);
        }
        outcome
    }

    fn log_in(&self) -> Result<Session, ProviderError> {
        let slots = self.library.get_slots_with_token().map_err(|error| away(&error))?;
        let is_ours = |slot: &cryptoki::slot::Slot| {
            self.library.get_token_info(*slot).is_ok_and(|info| info.label() == self.token)
        };
        let slot = slots
            .into_iter()
            .find(is_ours)
            .ok_or_else(|| ProviderError::Away(format!("there is no token {:?}", self.token)))?;
        let session = self.library.open_ro_session(slot).map_err(|error| away(&error))?;
        match session.login(UserType::User, Some(&self.pin)) {
            Ok(()) | Err(Error::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => Ok(session),
            Err(error) => Err(away(&error)),
        }
    }

    fn key(&self, session: &Session, key_id: &str) -> Result<ObjectHandle, ProviderError> {
        let no_key = || {
            ProviderError::Refused(format!("there is no AES key {:?} with id {}", self.label, quoted(key_id)))
        };
        let template = [
            Attribute::Class(ObjectClass::SECRET_KEY),
            Attribute::KeyType(KeyType::AES),
            Attribute::Label(self.label.clone().into_bytes()),
            Attribute::Id(bytes(key_id).ok_or_else(no_key)?),
        ];
        let found = session.find_objects(&template).map_err(|error| away(&error))?;
        match found.as_slice() {
            [] => Err(no_key()),
            [key] => Ok(*key),
            _ => Err(ProviderError::Refused(format!(
                "{} AES keys {:?} have the id {key_id}: give each an id of its own",
                found.len(),
                self.label
            ))),
        }
    }
}

/// Bits of the tag.
const TAG_BITS: u64 = 128;

#[async_trait]
impl KeyProvider for Token {
    fn name(&self) -> &str {
        &self.name
    }

    async fn wrap(&self, key: &SecretBytes) -> Result<WrappedKey, ProviderError> {
        let key = key.clone();
        self.blocking(move |shared| {
            let mut nonce = random(NONCE_LEN).map_err(|error| ProviderError::Away(error.to_string()))?;
            let mut ciphertext = nonce.clone();
            let sealed = shared.in_session(|session| {
                let handle = shared.key(session, &shared.key_id)?;
                let associated = shared.key_id.as_bytes();
                let gcm =
                    GcmParams::new(&mut nonce, associated, TAG_BITS.into()).map_err(|error| away(&error))?;
                session.encrypt(&Mechanism::AesGcm(gcm), handle, key.expose()).map_err(|error| away(&error))
            })?;
            ciphertext.extend_from_slice(&sealed);
            Ok(WrappedKey { key_id: shared.key_id.clone(), ciphertext, annotations: BTreeMap::new() })
        })
        .await
    }

    async fn unwrap_key(&self, wrapped: &WrappedKey) -> Result<SecretBytes, ProviderError> {
        let wrapped = wrapped.clone();
        self.blocking(move |shared| {
            let damaged = || ProviderError::Refused("the wrapped key is damaged".to_owned());
            let (nonce, sealed) = wrapped.ciphertext.split_at_checked(NONCE_LEN).ok_or_else(damaged)?;
            let mut nonce = nonce.to_vec();
            shared.in_session(|session| {
                let handle = shared.key(session, &wrapped.key_id)?;
                let associated = wrapped.key_id.as_bytes();
                let gcm =
                    GcmParams::new(&mut nonce, associated, TAG_BITS.into()).map_err(|error| away(&error))?;
                session.decrypt(&Mechanism::AesGcm(gcm), handle, sealed).map(SecretBytes::new).map_err(
                    |error| match error {
                        Error::Pkcs11(
                            RvError::EncryptedDataInvalid
                            | RvError::EncryptedDataLenRange
                            | RvError::GeneralError,
                            _,
                        ) => damaged(),
                        error => away(&error),
                    },
                )
            })
        })
        .await
    }

    async fn status(&self) -> Result<String, ProviderError> {
        self.blocking(|shared| {
            shared.in_session(|session| shared.key(session, &shared.key_id))?;
            Ok(shared.key_id.clone())
        })
        .await
    }
}

fn away(error: &Error) -> ProviderError {
    ProviderError::Away(quoted(&error.to_string()))
}

/// Hexadecimal digits as bytes.
fn bytes(hex: &str) -> Option<Vec<u8>> {
    let pairs = hex.as_bytes().chunks(2);
    let byte = |pair: &[u8]| match pair {
        [_, _] => u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok(),
        _ => None,
    };
    if hex.is_empty() { None } else { pairs.map(byte).collect() }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Token")
            .field("name", &self.name)
            .field("token", &self.shared.token)
            .finish_non_exhaustive()
    }
}
