use std::time::Duration;

use super::*;

fn has(metrics: &Metrics, line: &str) -> bool {
    let text = metrics.text().unwrap();
    assert!(text.ends_with("# EOF\n"), "{text}");
    text.lines().any(|one| one == line)
}

const CONFIGMAPS: Subject<'_> = Subject {
    verb: "LIST",
    group: "",
    version: "v1",
    resource: "configmaps",
    subresource: "",
    scope: "namespace",
};

#[test]
fn names_and_labels_are_those_of_kube_apiserver() {
    let metrics = Metrics::new(Vec::new());
    let counted = Counted::begin(&CONFIGMAPS);
    metrics.answered(&counted, 200);
    metrics.watch_events("apps", "v1", "deployments").inc();
    metrics.authenticated(false);
    metrics.authorized(true);
    metrics.stored(7, vec![("configmaps".to_owned(), 3)]);
    let call = WebhookCall {
        name: "w.example.org",
        operation: "CREATE",
        mutating: true,
        rejected: false,
        code: 200,
    };
    metrics.webhook_called(call, Duration::from_millis(2));
    for line in [
        r#"apiserver_request_total{verb="LIST",group="",version="v1",resource="configmaps",subresource="",scope="namespace",component="apiserver",code="200"} 1"#,
        r#"apiserver_request_duration_seconds_count{verb="LIST",group="",version="v1",resource="configmaps",subresource="",scope="namespace",component="apiserver"} 1"#,
        r#"apiserver_watch_events_total{group="apps",version="v1",resource="deployments"} 1"#,
        r#"authentication_attempts_total{result="failure"} 1"#,
        r#"authorization_attempts_total{result="allowed"} 1"#,
        r#"apiserver_storage_objects{resource="configmaps"} 3"#,
        "revision_store_revision 7",
        r#"apiserver_admission_webhook_request_total{name="w.example.org",operation="CREATE",rejected="false",type="admit",code="200"} 1"#,
    ] {
        assert!(has(&metrics, line), "{line}\n{}", metrics.text().unwrap());
    }
    metrics.stored(8, Vec::new());
    assert!(!metrics.text().unwrap().contains("apiserver_storage_objects{"), "what is gone is forgotten");
}

#[test]
fn what_goes_on_is_counted_while_it_does() {
    let metrics = Metrics::new(Vec::new());
    let (reading, writing) = (metrics.in_flight(false), metrics.in_flight(true));
    let mutating =
        |count: u8| format!("apiserver_current_inflight_requests{{request_kind=\"mutating\"}} {count}");
    assert!(has(&metrics, &mutating(1)));
    drop((reading, writing));
    assert!(has(&metrics, &mutating(0)));
    let counted = Counted::begin(&Subject { verb: "WATCH", ..CONFIGMAPS });
    let watch = metrics.long_running(&counted);
    let open = |count: u8| {
        let text = metrics.text().unwrap();
        text.lines().any(|line| {
            line.starts_with("apiserver_longrunning_requests{") && line.ends_with(&format!(" {count}"))
        })
    };
    assert!(open(1));
    drop(watch);
    assert!(open(0));
}

#[test]
fn other_metrics_are_served_beside() {
    struct Other;
    impl Exposition for Other {
        fn write(&self, out: &mut String) -> fmt::Result {
            out.push_str("other 1\n");
            Ok(())
        }
    }
    assert!(has(&Metrics::new(vec![Arc::new(Other)]), "other 1"));
}
