//! A kubeconfig for one server and one user.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Value, json};

use crate::auth::Identity;

/// How a user proves who they are.
pub enum Login<'a> {
    /// By a client certificate.
    Certificate(&'a Identity),
    /// By a token.
    Token(&'a str),
}

/// A kubeconfig with one context, which has the name of the cluster. JSON is YAML, so kubectl reads it as it is.
pub fn kubeconfig(cluster: &str, url: &str, authority: &str, user: &str, login: &Login<'_>) -> Value {
    let encode = |pem: &str| BASE64_STANDARD.encode(pem);
    let login = match login {
        Login::Token(token) => json!({ "token": token }),
        Login::Certificate(identity) => json!({
            "client-certificate-data": encode(&identity.certificate),
            "client-key-data": encode(&identity.key),
        }),
    };
    json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{
            "name": cluster,
            "cluster": { "server": url, "certificate-authority-data": encode(authority) },
        }],
        "users": [{ "name": user, "user": login }],
        "contexts": [{ "name": cluster, "context": { "cluster": cluster, "user": user } }],
        "current-context": cluster,
    })
}
