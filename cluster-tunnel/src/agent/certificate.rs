//! Certificates from the servers' authority, asked for where agents connect.

use std::time::Duration;

use base64::{Engine, prelude::BASE64_STANDARD};
use http::HeaderMap;

use super::{LinkError, Server, link::insert};
use crate::{
    ClusterName, Identifiers, metadata,
    rpc::{self, Code, Keepalive},
};

impl Server {
    /// Asks for a certificate to speak for a cluster with, and answers it and its chain as PEM. `request` is PKCS#10,
    /// DER. Who asks is known by the certificate in [`Server::tls`], or else by `token`. Upstream's servers have none to
    /// give.
    pub async fn request_certificate(
        &self,
        cluster: &ClusterName,
        request: &[u8],
        token: Option<&str>,
        limit: Duration,
    ) -> Result<String, LinkError> {
        let asking = self.ask(cluster, request, token, limit);
        tokio::time::timeout(limit, asking).await.map_err(|_| LinkError::TimedOut)?
    }

    async fn ask(
        &self,
        cluster: &ClusterName,
        request: &[u8],
        token: Option<&str>,
        limit: Duration,
    ) -> Result<String, LinkError> {
        let mut headers = HeaderMap::new();
        insert(&mut headers, metadata::AGENT_ID, cluster.as_str())?;
        insert(&mut headers, metadata::AGENT_IDENTIFIERS, &Identifiers::of_cluster(cluster).to_query())?;
        insert(&mut headers, metadata::CERTIFICATE_REQUEST, &BASE64_STANDARD.encode(request))?;
        if let Some(token) = token {
            insert(&mut headers, metadata::AUTHORIZATION, &format!("Bearer {token}"))?;
        }
        // It is over before anybody would ask whether the server lives.
        let keepalive = Keepalive { every: limit, answer: limit };
        let stream = self.connect(0).await?;
        let (answer, _connection) = rpc::call(stream, self.uri(rpc::AGENT.path)?, headers, keepalive).await?;
        let chain = answer.headers.get(metadata::CERTIFICATE).map(|chain| BASE64_STANDARD.decode(chain));
        let chain = chain.and_then(Result::ok).and_then(|chain| String::from_utf8(chain).ok());
        chain.ok_or(LinkError::Header(metadata::CERTIFICATE))
    }
}

impl LinkError {
    /// Whether what was shown is not taken, so that asking again with the same is in vain.
    pub fn is_refusal(&self) -> bool {
        matches!(self, Self::Status(status) if matches!(status.code, Code::Unauthenticated | Code::PermissionDenied))
    }
}
