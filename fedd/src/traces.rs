//! Traces leave the process: spans go to a collector by OTLP (gRPC), if one is named. See docs/traces.md.
//!
//! Spans wait in a queue of bounded length, and a thread of its own delivers them. A collector that is slow or not there
//! costs spans, and nothing else.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use http::Uri;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::WithExportConfig as _;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, Sampler, SdkTracerProvider, SpanData, SpanExporter,
};
use tracing::{Subscriber, info, level_filters::LevelFilter, warn};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::registry::LookupSpan;

/// Spans that wait to be delivered; more are dropped.
const QUEUE: usize = 2048;
/// The most that the collector may take for a batch.
const DELIVERY: Duration = Duration::from_secs(5);
/// The most that a process that ends waits for its last spans to be delivered.
const LAST_DELIVERY: Duration = Duration::from_secs(2);
/// Whose spans are delivered. Libraries below have their own, among them those that deliver.
const CRATES: [&str; 3] = ["fedd", "propagation_engine", "cluster_tunnel"];

/// Where traces go.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Traces")]
pub struct TracesArgs {
    /// Where a collector takes traces by OTLP over gRPC, such as http://localhost:4317; `off` for none. See docs/traces.md
    #[arg(long, value_name = "URL", env = "OTEL_EXPORTER_OTLP_ENDPOINT", hide_env_values = true,
          default_value = "off", value_parser = collector)]
    pub otlp_endpoint: Collector,
    /// The name of this process in traces
    #[arg(
        long,
        value_name = "NAME",
        env = "OTEL_SERVICE_NAME",
        hide_env_values = true,
        default_value = "fedd"
    )]
    pub otlp_service_name: String,
    /// Which part of the traces that begin here is recorded, from 0 to 1. Of others, who began them has decided
    #[arg(long, value_name = "NUMBER", default_value = "1", value_parser = ratio)]
    pub otlp_sample_ratio: f64,
}

/// A collector; `None` for none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Collector(pub Option<Uri>);

/// Reads a collector's URL, or `off`. For flags.
fn collector(text: &str) -> Result<Collector, String> {
    // An empty variable counts as none, as OpenTelemetry has it.
    if matches!(text, "off" | "") {
        return Ok(Collector(None));
    }
    let uri = text.parse().ok().filter(|uri: &Uri| matches!(uri.scheme_str(), Some("http" | "https")));
    uri.map(|uri| Collector(Some(uri))).ok_or_else(|| {
        format!("{text:?} is no collector; write something like http://localhost:4317, or off")
    })
}

fn ratio(text: &str) -> Result<f64, String> {
    let ratio = text.parse().ok().filter(|ratio| (0.0..=1.0).contains(ratio));
    ratio.ok_or_else(|| format!("{text:?} is no part of the whole; write a number from 0 to 1"))
}

/// Traces that leave the process.
pub struct Traces {
    provider: SdkTracerProvider,
}

impl Traces {
    /// Delivers spans as the flags say; `None` without a collector. To be called within a runtime, which has to be there
    /// until [`Traces::end`].
    ///
    /// # Errors
    /// The collector's address cannot be used. Whether it is there, is seen when there is something to deliver.
    pub fn start(args: &TracesArgs) -> anyhow::Result<Option<Self>> {
        let Some(uri) = &args.otlp_endpoint.0 else { return Ok(None) };
        let exporter = opentelemetry_otlp::SpanExporter::builder().with_tonic();
        let exporter = exporter.with_endpoint(uri.to_string()).with_timeout(DELIVERY).build();
        let exporter = Told::new(exporter.context("--otlp-endpoint")?, uri);
        let provider = SdkTracerProvider::builder()
            .with_resource(Resource::builder().with_service_name(args.otlp_service_name.clone()).build())
            .with_sampler(Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(args.otlp_sample_ratio))))
            .with_span_processor(batches(exporter));
        Ok(Some(Self { provider: provider.build() }))
    }

    /// What makes OpenTelemetry's spans of those of `tracing`.
    pub fn layer<S: Subscriber + for<'a> LookupSpan<'a>>(&self) -> impl Layer<S> + use<S> {
        let spans = CRATES.map(|name| (name, LevelFilter::DEBUG));
        let layer = tracing_opentelemetry::layer().with_tracer(self.provider.tracer("fedd"));
        layer.with_filter(Targets::new().with_targets(spans))
    }

    /// Delivers what waits, for at most two seconds.
    pub fn end(self) {
        // What could not be delivered was told when that began.
        let _ = self.provider.shutdown_with_timeout(LAST_DELIVERY);
    }
}

fn batches(exporter: impl SpanExporter + 'static) -> BatchSpanProcessor {
    let config = BatchConfigBuilder::default().with_max_queue_size(QUEUE).build();
    BatchSpanProcessor::builder(exporter).with_batch_config(config).build()
}

/// Says once in the log that spans cannot be delivered, and once that they are again.
#[derive(Debug)]
struct Told<E> {
    exporter: E,
    collector: String,
    fails: AtomicBool,
}

impl<E> Told<E> {
    fn new(exporter: E, collector: &Uri) -> Self {
        Self { exporter, collector: collector.to_string(), fails: AtomicBool::new(false) }
    }
}

impl<E: SpanExporter> SpanExporter for Told<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let outcome = self.exporter.export(batch).await;
        let collector = &self.collector;
        match &outcome {
            Err(error) if !self.fails.swap(true, Ordering::Relaxed) => {
                warn!(collector, "traces cannot be delivered, and are dropped until they can: {error}");
            }
            Ok(()) if self.fails.swap(false, Ordering::Relaxed) => {
                info!(collector, "traces are delivered again");
            }
            _ => {}
        }
        outcome
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::Arc;

    use opentelemetry::trace::Tracer as _;
    use opentelemetry_sdk::error::OTelSdkError;
    use parking_lot::Mutex;
    use tracing_subscriber::fmt::MakeWriter;

    use super::*;

    #[test]
    fn a_collector_is_a_url_and_a_ratio_a_part_of_one() {
        assert_eq!(collector("off"), Ok(Collector(None)));
        assert_eq!(collector(""), Ok(Collector(None)));
        assert!(collector("http://localhost:4317").is_ok_and(|one| one.0.is_some()));
        assert!(collector("https://collector.example.org").is_ok());
        for wrong in ["localhost:4317", "grpc://localhost", "http://", "a b"] {
            assert!(collector(wrong).is_err(), "{wrong}");
        }
        assert_eq!(ratio("0.25"), Ok(0.25));
        assert!(ratio("1.1").is_err() && ratio("-1").is_err() && ratio("NaN").is_err());
    }

    /// What was logged.
    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Log {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl<'a> MakeWriter<'a> for Log {
        type Writer = Self;

        fn make_writer(&'a self) -> Self {
            self.clone()
        }
    }

    /// A collector that is there or not, as it is told.
    #[derive(Clone, Debug, Default)]
    struct Fake(Arc<AtomicBool>);

    impl SpanExporter for Fake {
        async fn export(&self, _: Vec<SpanData>) -> OTelSdkResult {
            let is_there = self.0.load(Ordering::Relaxed);
            if is_there { Ok(()) } else { Err(OTelSdkError::InternalFailure("not there".to_owned())) }
        }
    }

    #[tokio::test]
    async fn a_collector_that_is_not_there_is_told_of_once() {
        let (log, fake) = (Log::default(), Fake::default());
        let told = Told::new(fake.clone(), &Uri::from_static("http://localhost:4317"));
        let subscriber = tracing_subscriber::fmt().with_writer(log.clone()).finish();
        let _guard = tracing::subscriber::set_default(subscriber);
        let said = |words: &str| String::from_utf8_lossy(&log.0.lock()).matches(words).count();
        for _ in 0..3 {
            assert!(told.export(Vec::new()).await.is_err());
        }
        assert_eq!((said("cannot be delivered"), said("delivered again")), (1, 0));
        fake.0.store(true, Ordering::Relaxed);
        for _ in 0..3 {
            assert!(told.export(Vec::new()).await.is_ok());
        }
        assert_eq!((said("cannot be delivered"), said("delivered again")), (1, 1));
    }

    /// A collector that never answers.
    #[derive(Debug)]
    struct Hanging;

    impl SpanExporter for Hanging {
        async fn export(&self, _: Vec<SpanData>) -> OTelSdkResult {
            std::future::pending().await
        }
    }

    #[test]
    fn a_collector_that_hangs_costs_spans_alone() {
        let provider = SdkTracerProvider::builder().with_span_processor(batches(Hanging)).build();
        let tracer = provider.tracer("test");
        // More than the queue takes: none of them waits.
        for _ in 0..QUEUE * 3 {
            tracer.start("span");
        }
        // This waits for as long as it may, and ends.
        Traces { provider }.end();
    }
}
