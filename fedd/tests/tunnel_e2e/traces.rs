//! Traces leave the processes: a collector gets what both ends of a tunnel did for one dial, as one trace.

use std::net::SocketAddr;

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};

use crate::bed::free_address;
use crate::process::within;
use crate::servers::{TunnelServer, backend};
use crate::serving::Home;
use crate::tenants::Tenants;

/// Takes spans, each with the name of the process that it is of.
struct Collector(mpsc::UnboundedSender<(String, Span)>);

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        for of in request.into_inner().resource_spans {
            let attributes = of.resource.map(|resource| resource.attributes).unwrap_or_default();
            let name = attributes.into_iter().find(|one| one.key == "service.name").and_then(|one| one.value);
            let Some(Value::StringValue(name)) = name.and_then(|name| name.value) else { continue };
            for span in of.scope_spans.into_iter().flat_map(|scope| scope.spans) {
                // A test that has ended wants no more.
                let _ = self.0.send((name.clone(), span));
            }
        }
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

/// A collector on loopback, and what it gets.
fn collector() -> (SocketAddr, mpsc::UnboundedReceiver<(String, Span)>, AbortOnDropHandle<()>) {
    let (sender, spans) = mpsc::unbounded_channel();
    let incoming = TcpIncoming::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = incoming.local_addr().unwrap();
    let serving = Server::builder().add_service(TraceServiceServer::new(Collector(sender)));
    let serving = tokio::spawn(async move { serving.serve_with_incoming(incoming).await.unwrap() });
    (address, spans, AbortOnDropHandle::new(serving))
}

#[tokio::test(flavor = "multi_thread")]
async fn both_ends_of_a_dial_are_one_trace() {
    let (address, mut spans, _collecting) = collector();
    let endpoint = format!("http://{address}");
    let home = Home::new();
    let _serving = home.serve().await;
    let none = ["--healthz-addr", "off", "--metrics-addr", "off"];
    let traces = ["--otlp-endpoint", &endpoint, "--otlp-service-name", "server"];
    let (agents, engines) = (free_address(), free_address());
    let mut server = TunnelServer::with(&home, agents, engines, &[&none[..], &traces].concat());
    server.running.says("--engine-listen is served").await;
    let tenants = Tenants::new(home).await;
    let shown = tenants.cluster("bank").await;
    let (backend, _answering) = backend().await;
    let api_server = backend.to_string();
    let environment = [("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()), ("OTEL_SERVICE_NAME", "agent")];
    let mut agent = tenants.agent_in(&environment, "bank", &shown, &server.agents, &api_server);
    server.running.says("an agent has connected cluster=bank").await;

    let client = tenants.client("bank").await;
    let trace = "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n";
    let (status, said) = tenants.dial_with(trace, &server.engines, &client, "bank").await;
    assert!(status.contains(" 200 ") && said.starts_with("line 0\n"), "{status}: {said}");
    // Whoever ends delivers what it has.
    agent.ends().await;
    server.running.ends().await;

    let mut span = async |of: &str, name: &str| {
        within(name, async {
            loop {
                let (process, span) = spans.recv().await.unwrap();
                if process == of && span.name == name {
                    return span;
                }
            }
        })
        .await
    };
    let connect = span("agent", "connect").await;
    let dial = span("server", "dial").await;
    let trace: Vec<u8> = 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736_u128.to_be_bytes().into();
    assert_eq!((&dial.trace_id, &connect.trace_id), (&trace, &trace));
    assert_eq!(dial.parent_span_id, 0x00f0_67aa_0ba9_02b7_u64.to_be_bytes());
    assert_eq!(connect.parent_span_id, dial.span_id);
}
