//! Service account tokens: signing, and checking of what was signed.

use std::{collections::HashMap, sync::Arc};

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use jiff::Timestamp;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use parking_lot::Mutex;
use rcgen::{KeyPair, PublicKeyData as _};
use serde::Deserialize;

use crate::auth::{
    Claims, TokenError,
    fingerprint::{Sha256, sha256},
};

/// How many tokens' signatures are remembered as good.
const REMEMBERED: usize = 4096;

/// A token whose signature, time and audience are good.
#[derive(Clone, Debug)]
pub struct Verified {
    /// What it says.
    pub claims: Arc<Claims>,
    /// Those of the wanted audiences that it has.
    pub audiences: Vec<String>,
}

/// Signs tokens with one key and checks them with that and former ones.
pub struct TokenKeys {
    issuer: String,
    audiences: Vec<String>,
    signing: EncodingKey,
    /// The first is that of `signing`.
    checking: Vec<CheckingKey>,
    /// Signatures do not go bad, and checking one takes longer than the rest of a small request.
    good: Mutex<HashMap<Sha256, Arc<Claims>>>,
}

struct CheckingKey {
    id: String,
    algorithm: Algorithm,
    key: DecodingKey,
    /// The key as a JSON Web Key, without its name.
    jwk: serde_json::Value,
}

impl TokenKeys {
    /// Keys of an issuer, a URL. `key` is a PKCS#8 private key as PEM; `audiences` are the API server's own, which
    /// tokens have when nothing else is asked for.
    pub fn new(issuer: impl Into<String>, audiences: Vec<String>, key: &str) -> Result<Self, TokenError> {
        let pair = key_pair(key)?;
        let checking = CheckingKey::new(&pair)?;
        let signing = match checking.algorithm {
            Algorithm::RS256 => EncodingKey::from_rsa_pem(key.as_bytes()),
            _ => EncodingKey::from_ec_pem(key.as_bytes()),
        };
        Ok(Self {
            issuer: issuer.into(),
            audiences,
            signing: signing.map_err(|error| TokenError::Key(error.to_string()))?,
            checking: vec![checking],
            good: Mutex::default(),
        })
    }

    /// A new key for [`TokenKeys::new`]: ECDSA P-256, PKCS#8, PEM.
    pub fn generate_key() -> Result<String, TokenError> {
        KeyPair::generate().map(|key| key.serialize_pem()).map_err(|error| TokenError::Key(error.to_string()))
    }

    /// Accepts also what a former key has signed.
    pub fn with_former_key(mut self, key: &str) -> Result<Self, TokenError> {
        self.checking.push(CheckingKey::new(&key_pair(key)?)?);
        Ok(self)
    }

    /// The API server's own audiences.
    pub fn audiences(&self) -> &[String] {
        &self.audiences
    }

    /// Signs. The issuer in the claims is replaced by that of the keys.
    pub fn issue(&self, claims: &Claims) -> Result<String, TokenError> {
        let own = self.checking.first().ok_or(TokenError::NoKey)?;
        let header = Header { typ: None, kid: Some(own.id.clone()), ..Header::new(own.algorithm) };
        let claims = Claims { iss: self.issuer.clone(), ..claims.clone() };
        Ok(jsonwebtoken::encode(&header, &claims, &self.signing)?)
    }

    /// Checks signature, audience and time of a token; none if it is not one of this issuer. What it refers to is to
    /// be confirmed after that, see [`Claims::references`].
    ///
    /// `audiences`: those of which the token must have one; the API server's own if empty.
    pub fn verify(
        &self,
        token: &str,
        audiences: &[String],
        now: Timestamp,
    ) -> Result<Option<Verified>, TokenError> {
        let Some(claims) = self.signed(token)? else { return Ok(None) };
        let target = if audiences.is_empty() { &self.audiences } else { audiences };
        let own = if claims.aud.is_empty() { &self.audiences } else { &claims.aud };
        let shared: Vec<_> = own.iter().filter(|audience| target.contains(audience)).cloned().collect();
        if shared.is_empty() && !self.audiences.is_empty() {
            return Err(TokenError::Audiences { token: own.clone(), target: target.to_vec() });
        }
        claims.check_time(now)?;
        Ok(Some(Verified { claims, audiences: shared }))
    }

    /// The claims, if the issuer is ours and one of our keys has signed them.
    fn signed(&self, token: &str) -> Result<Option<Arc<Claims>>, TokenError> {
        let hash = sha256(token.as_bytes());
        if let Some(claims) = self.good.lock().get(&hash) {
            return Ok(Some(claims.clone()));
        }
        if !self.is_ours(token) {
            return Ok(None);
        }
        let header = jsonwebtoken::decode_header(token)?;
        let mut outcome = Err(TokenError::NoKey);
        for key in &self.checking {
            if header.kid.as_ref().is_none_or(|id| *id == key.id) {
                outcome = key.check(token);
                if outcome.is_ok() {
                    break;
                }
            }
        }
        let claims = Arc::new(outcome?);
        let mut good = self.good.lock();
        if good.len() >= REMEMBERED {
            good.clear();
        }
        good.insert(hash, claims.clone());
        Ok(Some(claims))
    }

    /// Read without trust, to leave other issuers' tokens to others.
    fn is_ours(&self, token: &str) -> bool {
        #[derive(Deserialize)]
        struct Issuer {
            iss: String,
        }
        let parts: Vec<_> = token.split('.').collect();
        let [_, payload, _] = parts.as_slice() else { return false };
        BASE64_URL_SAFE_NO_PAD
            .decode(payload)
            .ok()
            .and_then(|json| serde_json::from_slice::<Issuer>(&json).ok())
            .is_some_and(|claims| claims.iss == self.issuer)
    }

    /// The document at `/.well-known/openid-configuration` of the server at this URL.
    pub fn discovery(&self, server: &str) -> serde_json::Value {
        let mut algorithms: Vec<_> = self.checking.iter().map(|key| format!("{:?}", key.algorithm)).collect();
        algorithms.dedup();
        serde_json::json!({
            "issuer": self.issuer,
            "jwks_uri": format!("{server}/openid/v1/jwks"),
            "response_types_supported": ["id_token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": algorithms,
        })
    }

    /// The document at `/openid/v1/jwks`: the keys that check tokens.
    pub fn key_set(&self) -> serde_json::Value {
        let keys: Vec<_> = self.checking.iter().map(CheckingKey::published).collect();
        serde_json::json!({ "keys": keys })
    }
}

impl CheckingKey {
    fn new(pair: &KeyPair) -> Result<Self, TokenError> {
        let algorithm = algorithm(pair)?;
        let public = pair.public_key_pem();
        let key = match algorithm {
            Algorithm::RS256 => DecodingKey::from_rsa_pem(public.as_bytes()),
            _ => DecodingKey::from_ec_pem(public.as_bytes()),
        };
        let unusable = |error: jsonwebtoken::errors::Error| TokenError::Key(error.to_string());
        let key = key.map_err(unusable)?;
        let jwk = jsonwebtoken::jwk::Jwk::from_decoding_key(&key, Some(algorithm)).map_err(unusable)?;
        Ok(Self {
            id: BASE64_URL_SAFE_NO_PAD.encode(sha256(&pair.subject_public_key_info())),
            algorithm,
            key,
            jwk: serde_json::to_value(jwk).map_err(|error| TokenError::Key(error.to_string()))?,
        })
    }

    fn check(&self, token: &str) -> Result<Claims, TokenError> {
        // Times and audiences are checked against the caller's clock and audiences.
        let mut validation = Validation::new(self.algorithm);
        validation.validate_exp = false;
        validation.validate_aud = false;
        validation.required_spec_claims.clear();
        Ok(jsonwebtoken::decode(token, &self.key, &validation)?.claims)
    }

    fn published(&self) -> serde_json::Value {
        let mut jwk = self.jwk.clone();
        jwk["kid"] = self.id.clone().into();
        jwk["use"] = "sig".into();
        jwk
    }
}

fn key_pair(pem: &str) -> Result<KeyPair, TokenError> {
    KeyPair::from_pem(pem).map_err(|error| TokenError::Key(error.to_string()))
}

fn algorithm(pair: &KeyPair) -> Result<Algorithm, TokenError> {
    let is = |algorithm| pair.is_compatible(algorithm);
    if is(&rcgen::PKCS_ECDSA_P256_SHA256) {
        Ok(Algorithm::ES256)
    } else if is(&rcgen::PKCS_ECDSA_P384_SHA384) {
        Ok(Algorithm::ES384)
    } else if is(&rcgen::PKCS_RSA_SHA256) {
        Ok(Algorithm::RS256)
    } else {
        Err(TokenError::Key("it is of another kind".to_owned()))
    }
}
