//! What runs pods, scales them and guards them.

use serde_json::{Value, json};

use super::{AGE, NAME, Printer, boolean, containers, integer, name, selector_or_none, string, wide};
use crate::table::text;

const TEMPLATE: &str = "/spec/template/spec";

pub(super) static DEPLOYMENT: Printer = Printer::new(
    &[
        NAME,
        string("Ready"),
        string("Up-to-date"),
        string("Available"),
        AGE,
        wide("Containers"),
        wide("Images"),
        wide("Selector"),
    ],
    |object, now| {
        let [names, images] = containers(object, TEMPLATE);
        vec![
            name(object),
            json!(ready(object)),
            json!(text::number(object, "/status/updatedReplicas")),
            json!(text::number(object, "/status/availableReplicas")),
            text::age(object, now),
            names,
            images,
            json!(object.pointer("/spec/selector").map(text::selector).unwrap_or_default()),
        ]
    },
);

pub(super) static REPLICA_SET: Printer = Printer::new(
    &[
        NAME,
        integer("Desired"),
        integer("Current"),
        integer("Ready"),
        AGE,
        wide("Containers"),
        wide("Images"),
        wide("Selector"),
    ],
    |object, now| {
        let [names, images] = containers(object, TEMPLATE);
        vec![
            name(object),
            json!(text::number(object, "/spec/replicas")),
            json!(text::number(object, "/status/replicas")),
            json!(text::number(object, "/status/readyReplicas")),
            text::age(object, now),
            names,
            images,
            selector_or_none(object.pointer("/spec/selector")),
        ]
    },
);

pub(super) static STATEFUL_SET: Printer =
    Printer::new(&[NAME, string("Ready"), AGE, wide("Containers"), wide("Images")], |object, now| {
        let [names, images] = containers(object, TEMPLATE);
        vec![name(object), json!(ready(object)), text::age(object, now), names, images]
    });

pub(super) static DAEMON_SET: Printer = Printer::new(
    &[
        NAME,
        integer("Desired"),
        integer("Current"),
        integer("Ready"),
        integer("Up-to-date"),
        integer("Available"),
        string("Node Selector"),
        AGE,
        wide("Containers"),
        wide("Images"),
        wide("Selector"),
    ],
    |object, now| {
        let [names, images] = containers(object, TEMPLATE);
        let status = |field: &str| json!(text::number(object, &format!("/status/{field}")));
        vec![
            name(object),
            status("desiredNumberScheduled"),
            status("currentNumberScheduled"),
            status("numberReady"),
            status("updatedNumberScheduled"),
            status("numberAvailable"),
            json!(text::labels(
                object.pointer("/spec/template/spec/nodeSelector").and_then(Value::as_object)
            )),
            text::age(object, now),
            names,
            images,
            selector_or_none(object.pointer("/spec/selector")),
        ]
    },
);

pub(super) static CONTROLLER_REVISION: Printer =
    Printer::new(&[NAME, string("Controller"), string("Revision"), AGE], |object, now| {
        let owners = text::list(object, "/metadata/ownerReferences");
        let owner = owners.iter().find(|owner| owner["controller"] == true);
        let owner = owner.map_or_else(
            || "<none>".to_owned(),
            |owner| {
                let kind = text::of(owner, "/kind").to_lowercase();
                let group = text::of(owner, "/apiVersion").rsplit_once('/').map_or("", |(group, _)| group);
                let dot = if group.is_empty() { "" } else { "." };
                format!("{kind}{dot}{group}/{}", text::of(owner, "/name"))
            },
        );
        vec![name(object), json!(owner), json!(text::number(object, "/revision")), text::age(object, now)]
    });

pub(super) static JOB: Printer = Printer::new(
    &[
        NAME,
        string("Status"),
        string("Completions"),
        string("Duration"),
        AGE,
        wide("Containers"),
        wide("Images"),
        wide("Selector"),
    ],
    |object, now| {
        let [names, images] = containers(object, TEMPLATE);
        let second = |pointer: &str| {
            text::of(object, pointer).parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_second)
        };
        let ran = second("/status/startTime")
            .map(|start| text::duration(second("/status/completionTime").unwrap_or(now.as_second()) - start));
        vec![
            name(object),
            json!(job_status(object)),
            json!(completions(object)),
            json!(ran.unwrap_or_default()),
            text::age(object, now),
            names,
            images,
            selector_or_none(object.pointer("/spec/selector")),
        ]
    },
);

fn job_status(object: &Value) -> &'static str {
    let has = |kind: &str| {
        let conditions = text::list(object, "/status/conditions").iter();
        conditions.filter(|one| one["type"] == kind).any(|one| one["status"] == "True")
    };
    match () {
        () if has("Complete") => "Complete",
        () if has("Failed") => "Failed",
        () if !object["metadata"]["deletionTimestamp"].is_null() => "Terminating",
        () if has("Suspended") => "Suspended",
        () if has("FailureTarget") => "FailureTarget",
        () if has("SuccessCriteriaMet") => "SuccessCriteriaMet",
        () => "Running",
    }
}

fn completions(object: &Value) -> String {
    let succeeded = text::number(object, "/status/succeeded");
    match (
        object.pointer("/spec/completions").and_then(Value::as_i64),
        text::number(object, "/spec/parallelism"),
    ) {
        (Some(wanted), _) => format!("{succeeded}/{wanted}"),
        (None, parallel) if parallel > 1 => format!("{succeeded}/1 of {parallel}"),
        (None, _) => format!("{succeeded}/1"),
    }
}

pub(super) static CRON_JOB: Printer = Printer::new(
    &[
        NAME,
        string("Schedule"),
        string("Timezone"),
        boolean("Suspend"),
        integer("Active"),
        string("Last Schedule"),
        AGE,
        wide("Containers"),
        wide("Images"),
        wide("Selector"),
    ],
    |object, now| {
        let [names, images] = containers(object, "/spec/jobTemplate/spec/template/spec");
        let suspended = object
            .pointer("/spec/suspend")
            .and_then(Value::as_bool)
            .map(|suspended| if suspended { "True" } else { "False" });
        let last = object.pointer("/status/lastScheduleTime").filter(|time| !time.is_null());
        vec![
            name(object),
            json!(text::of(object, "/spec/schedule")),
            json!(text::or(object, "/spec/timeZone", "<none>")),
            json!(suspended.unwrap_or("<unset>")),
            json!(text::list(object, "/status/active").len()),
            json!(last.map_or_else(|| "<none>".to_owned(), |time| text::since(Some(time), now))),
            text::age(object, now),
            names,
            images,
            selector_or_none(object.pointer("/spec/jobTemplate/spec/selector")),
        ]
    },
);

pub(super) static DISRUPTION_BUDGET: Printer = Printer::new(
    &[NAME, string("Min Available"), string("Max Unavailable"), integer("Allowed Disruptions"), AGE],
    |object, now| {
        let amount = |pointer: &str| match object.pointer(pointer) {
            None | Some(Value::Null) => json!("N/A"),
            Some(Value::String(percent)) => json!(percent),
            Some(number) => json!(number.to_string()),
        };
        vec![
            name(object),
            amount("/spec/minAvailable"),
            amount("/spec/maxUnavailable"),
            json!(text::number(object, "/status/disruptionsAllowed")),
            text::age(object, now),
        ]
    },
);

pub(super) static AUTOSCALER: Printer = Printer::new(
    &[
        NAME,
        string("Reference"),
        string("Targets"),
        string("MinPods"),
        string("MaxPods"),
        string("Replicas"),
        AGE,
    ],
    |object, now| {
        let to = |field: &str| text::of(object, &format!("/spec/scaleTargetRef/{field}"));
        let least = object.pointer("/spec/minReplicas").and_then(Value::as_i64);
        vec![
            name(object),
            json!(format!("{}/{}", to("kind"), to("name"))),
            json!(targets(text::list(object, "/spec/metrics"), text::list(object, "/status/currentMetrics"))),
            json!(least.map_or_else(|| "<unset>".to_owned(), |least| least.to_string())),
            json!(text::number(object, "/spec/maxReplicas")),
            json!(text::number(object, "/status/currentReplicas")),
            text::age(object, now),
        ]
    },
);

/// The first two metrics: what they are, and what they are to be.
fn targets(metrics: &[Value], current: &[Value]) -> String {
    let all: Vec<_> = metrics
        .iter()
        .enumerate()
        .map(|(index, metric)| target(metric, current.get(index).unwrap_or(&Value::Null)))
        .collect();
    match all.as_slice() {
        [] => "<none>".to_owned(),
        [a, b, more @ ..] if !more.is_empty() => format!("{a}, {b} + {} more...", more.len()),
        _ => all.join(", "),
    }
}

fn target(metric: &Value, current: &Value) -> String {
    let source = match text::of(metric, "/type") {
        "External" => "external",
        "Pods" => "pods",
        "Object" => "object",
        "Resource" => "resource",
        "ContainerResource" => "containerResource",
        _ => return "<unknown type>".to_owned(),
    };
    let (metric, current) = (&metric[source], &current[source]);
    let amount = |name: &str| {
        (
            text::or(current, &format!("/current/{name}"), "<unknown>"),
            text::of(metric, &format!("/target/{name}")),
        )
    };
    let average = metric["target"]["averageValue"].is_string();
    let of_resource = source == "resource" || source == "containerResource";
    let resource = text::of(metric, "/name");
    match (of_resource, average) {
        (true, true) => {
            let (is, wanted) = amount("averageValue");
            format!("{resource}: {is}/{wanted}")
        }
        (true, false) => {
            let percent = |of: &Value, field: &str, otherwise: &str| {
                let number = of.pointer(field).and_then(Value::as_i64);
                number.map_or_else(|| otherwise.to_owned(), |number| format!("{number}%"))
            };
            let is = percent(current, "/current/averageUtilization", "<unknown>");
            let wanted = percent(metric, "/target/averageUtilization", "<auto>");
            format!("{resource}: {is}/{wanted}")
        }
        (false, _) if source == "pods" => {
            let (is, wanted) = amount("averageValue");
            format!("{is}/{wanted}")
        }
        (false, true) => {
            let (is, wanted) = amount("averageValue");
            format!("{is}/{wanted} (avg)")
        }
        (false, false) => {
            let (is, wanted) = amount("value");
            format!("{is}/{wanted}")
        }
    }
}

fn ready(object: &Value) -> String {
    format!("{}/{}", text::number(object, "/status/readyReplicas"), text::number(object, "/spec/replicas"))
}
