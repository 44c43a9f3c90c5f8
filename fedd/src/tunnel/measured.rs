//! What is measured of tunnels, read when it is asked for. A cluster without agents and tunnels has no series.

use std::fmt;

use cluster_tunnel::server::{ClusterSnapshot, ServerSnapshot};
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

/// Writes a snapshot of a server.
pub(crate) fn measure(encoder: &mut DescriptorEncoder<'_>, snapshot: &ServerSnapshot) -> fmt::Result {
    let gauges: [(&str, &str, fn(&ClusterSnapshot) -> usize); 2] = [
        ("fedd_tunnel_agents", "Agents of a cluster that are connected", |c| c.state.links),
        ("fedd_tunnels", "Connections through a cluster's agents that are open", |c| c.state.open),
    ];
    for (name, help, value) in gauges {
        let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
        for (cluster, of) in &snapshot.clusters {
            let value = i64::try_from(value(of)).unwrap_or(i64::MAX);
            ConstGauge::new(value).encode(family.encode_family(&[("cluster", cluster.as_str())])?)?;
        }
    }
    let mut dials =
        encoder.encode_descriptor("fedd_tunnel_dials", "Connections asked for", None, MetricType::Counter)?;
    for (cluster, of) in &snapshot.clusters {
        let failed = of.dials_failed.iter().map(|(reason, count)| (*reason, *count));
        for (result, count) in std::iter::once(("success", of.dials)).chain(failed) {
            let labels = [("cluster", cluster.as_str()), ("result", result)];
            ConstCounter::new(count).encode(dials.encode_family(&labels)?)?;
        }
    }
    let help = "Time that the connections asked for took";
    let mut took = encoder.encode_descriptor("fedd_tunnel_dial_seconds", help, None, MetricType::Counter)?;
    for (cluster, of) in &snapshot.clusters {
        let labels = [("cluster", cluster.as_str())];
        ConstCounter::new(of.dialling.as_secs_f64()).encode(took.encode_family(&labels)?)?;
    }
    let mut bytes =
        encoder.encode_descriptor("fedd_tunnel_bytes", "Bytes through tunnels", None, MetricType::Counter)?;
    for (cluster, of) in &snapshot.clusters {
        for (direction, count) in [("to_cluster", of.sent), ("from_cluster", of.received)] {
            let labels = [("cluster", cluster.as_str()), ("direction", direction)];
            ConstCounter::new(count).encode(bytes.encode_family(&labels)?)?;
        }
    }
    let help = "Connections asked for by whom the cluster is not in reach";
    let denied = encoder.encode_descriptor("fedd_tunnel_dials_denied", help, None, MetricType::Counter)?;
    ConstCounter::new(snapshot.dials_denied).encode(denied)?;
    let help = "Certificates that agents got";
    let issued =
        encoder.encode_descriptor("fedd_tunnel_certificates_issued", help, None, MetricType::Counter)?;
    ConstCounter::new(snapshot.certificates_issued).encode(issued)?;
    let refused = [
        ("fedd_tunnel_agents_refused", "Agents that were not let in", &snapshot.agents_refused),
        (
            "fedd_tunnel_certificates_refused",
            "Certificates that agents did not get",
            &snapshot.certificates_refused,
        ),
    ];
    for (name, help, by_reason) in refused {
        let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
        for (reason, count) in by_reason {
            ConstCounter::new(*count).encode(family.encode_family(&[("reason", *reason)])?)?;
        }
    }
    Ok(())
}
