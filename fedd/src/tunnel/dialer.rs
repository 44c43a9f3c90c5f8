//! The engine's way into the tunnels of this process.

use cluster_tunnel::server::Caller;
use cluster_tunnel::{ClusterName, Reason, Target, TraceParent, TunnelServer};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use propagation_engine::kube_ports::{DialError, Dialer, Dialled};
use tracing::{Instrument as _, Span, debug_span};
use uuid::Uuid;

use super::authority::ENGINE;

/// Dials through the tunnels of a server.
pub(super) struct EngineDialer(pub(super) TunnelServer);

impl Dialer for EngineDialer {
    fn dial(&self, cluster: &str) -> BoxFuture<'static, Result<Dialled, DialError>> {
        let (server, cluster) = (self.0.clone(), cluster.parse::<ClusterName>());
        async move {
            let cluster = cluster.map_err(|error| DialError::Unknown(error.to_string()))?;
            let span = debug_span!("reach", %cluster);
            let caller = Caller { trace: Some(trace_of(&span)), ..Caller::in_process(ENGINE) };
            let dialled = server.dial(&caller, &cluster, &Target::ApiServer).instrument(span).await;
            dialled.map(Dialled::new).map_err(dial_error)
        }
        .boxed()
    }
}

/// The trace of a dial, by which what the engine, the server and the agent say of it is found: at the level debug, each
/// has it in a span. One that no collector gets is made up.
pub(super) fn trace_of(span: &Span) -> TraceParent {
    TraceParent::of(span).unwrap_or_else(made_up)
}

fn made_up() -> TraceParent {
    let (chance, other) = (Uuid::new_v4(), Uuid::new_v4());
    TraceParent { trace: chance.as_u128(), parent: other.as_u64_pair().0, flags: 0 }
}

fn dial_error(reason: Reason) -> DialError {
    match reason {
        Reason::NoAgent | Reason::LinkLost => DialError::TunnelDown(reason.to_string()),
        Reason::Refused(words) => DialError::ApiServerDown(words),
        // Without an answer nobody can say which of the two it is.
        other => DialError::Unknown(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tunnel_and_api_server_are_told_apart() {
        assert!(matches!(dial_error(Reason::NoAgent), DialError::TunnelDown(_)));
        assert!(matches!(dial_error(Reason::Refused("refused".to_owned())), DialError::ApiServerDown(_)));
        assert!(matches!(dial_error(Reason::TooMany(3)), DialError::Unknown(_)));
        assert!(matches!(dial_error(Reason::TimedOut), DialError::Unknown(_)));
    }
}
