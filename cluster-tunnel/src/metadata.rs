//! The headers of the protocol. HTTP/2 has them in lower case.

/// To the server: the agent's id. Exactly one.
pub(crate) const AGENT_ID: &str = "agentid";
/// To the server: what the agent can reach. At most one.
pub(crate) const AGENT_IDENTIFIERS: &str = "agentidentifiers";
/// To the server: a bearer token.
pub(crate) const AUTHORIZATION: &str = "authorization";
/// To the server: a certificate is wanted, and no stream: PKCS#10, DER, in base64.
pub(crate) const CERTIFICATE_REQUEST: &str = "cluster-tunnel-certificate-request";
/// To the agent: the certificate that it asked for and its chain: PEM, in base64.
pub(crate) const CERTIFICATE: &str = "cluster-tunnel-certificate";
/// To the agent: the server's id. Exactly one.
pub(crate) const SERVER_ID: &str = "serverid";
/// To the agent: how many servers there are. Exactly one.
pub(crate) const SERVER_COUNT: &str = "servercount";
/// To the server: the ids of servers that the agent has already, one each. A server of this crate that is among them
/// declines with `ALREADY_EXISTS`.
pub(crate) const CONNECTED: &str = "cluster-tunnel-connected";
