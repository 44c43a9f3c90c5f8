//! Credentials as a service account has them.

use k8s_openapi::api::{
    authentication::v1::{TokenRequest, TokenRequestSpec},
    core::v1::ServiceAccount,
    rbac::v1::{ClusterRoleBinding, RoleRef, Subject},
};
use kube::{
    Api, Client, Resource,
    api::{ObjectMeta, PostParams},
};

use crate::{Error, Result};

const NAMESPACE: &str = "kube-system";

/// Longer than any test or demonstration. It lies below the authority's own limit, which is none by default.
const LIFETIME_SECONDS: i64 = 24 * 60 * 60;

/// Makes a service account, binds it to `cluster-admin` and asks for a token. What is there already is kept.
pub(super) async fn cluster_admin(client: Client, server: &str, account: &str) -> Result<String> {
    let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), NAMESPACE);
    create(&accounts, &ServiceAccount { metadata: named(account), ..ServiceAccount::default() }).await?;
    create(&Api::all(client), &binding(account)).await?;

    let request = TokenRequest {
        spec: Some(TokenRequestSpec {
            expiration_seconds: Some(LIFETIME_SECONDS),
            ..TokenRequestSpec::default()
        }),
        ..TokenRequest::default()
    };
    let answer = accounts.create_token_request(account, &PostParams::default(), &request).await?;
    let token = answer.status.and_then(|status| status.token);
    token.ok_or_else(|| Error::NoToken { server: server.to_owned(), account: account.to_owned() })
}

fn binding(account: &str) -> ClusterRoleBinding {
    ClusterRoleBinding {
        // Its own name, so that it meets no binding that the test makes for the same account.
        metadata: named(&format!("testbed:{account}")),
        role_ref: RoleRef {
            api_group: Some("rbac.authorization.k8s.io".to_owned()),
            kind: "ClusterRole".to_owned(),
            name: "cluster-admin".to_owned(),
        },
        subjects: Some(vec![Subject {
            kind: "ServiceAccount".to_owned(),
            name: account.to_owned(),
            namespace: Some(NAMESPACE.to_owned()),
            ..Subject::default()
        }]),
    }
}

fn named(name: &str) -> ObjectMeta {
    ObjectMeta { name: Some(name.to_owned()), ..ObjectMeta::default() }
}

/// Creates an object; one that exists is taken as it is.
async fn create<K>(api: &Api<K>, object: &K) -> Result<()>
where
    K: Resource + Clone + std::fmt::Debug + serde::Serialize + serde::de::DeserializeOwned,
{
    match api.create(&PostParams::default(), object).await {
        Err(kube::Error::Api(status)) if status.reason == "AlreadyExists" => Ok(()),
        answer => answer.map(drop).map_err(Error::from),
    }
}
