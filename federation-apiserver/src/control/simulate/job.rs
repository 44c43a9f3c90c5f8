//! What the status of a Job says.

use serde_json::{Map, Value, json};

use super::conditions::timed;
use super::workload::{Outcome, Stage};

const JOB_TIMES: &[&str] = &["lastProbeTime", "lastTransitionTime"];

/// The status of a Job of which so many pods are wanted.
pub(super) fn job_status(object: &Value, stage: &Stage<'_>, wanted: i64, now: &str) -> Value {
    let old = &object["status"];
    if object["spec"]["suspend"] == true {
        let suspended = json!({"type": "Suspended", "status": "True", "reason": "JobSuspended", "message": "Job suspended"});
        return json!({"conditions": [timed(object, suspended, JOB_TIMES, now)]});
    }
    let start = if old["startTime"].is_string() { old["startTime"].clone() } else { now.into() };
    let parallel = object["spec"]["parallelism"].as_i64().unwrap_or(1).min(wanted);
    let mut status = Map::from_iter([("startTime".to_owned(), start)]);
    let mut put = |field: &str, value: Value| status.insert(field.to_owned(), value);
    let conditions = |kinds: [&str; 2], reason: &str, message: &str| {
        let one = |kind| json!({"type": kind, "status": "True", "reason": reason, "message": message});
        json!(kinds.map(|kind| timed(object, one(kind), JOB_TIMES, now)))
    };
    match stage {
        Stage::Started => {
            put("active", parallel.into());
        }
        Stage::Ended(Outcome::Ready) => {
            let end = &old["completionTime"];
            put("succeeded", wanted.into());
            put("completionTime", if end.is_string() { end.clone() } else { now.into() });
            let message = "Reached expected number of succeeded pods";
            put("conditions", conditions(["SuccessCriteriaMet", "Complete"], "CompletionsReached", message));
        }
        Stage::Ended(Outcome::Failed(why)) => {
            put("failed", 1.into());
            let message = format!("Job has reached the specified backoff limit: {why}");
            put("conditions", conditions(["FailureTarget", "Failed"], "BackoffLimitExceeded", &message));
        }
    }
    Value::Object(status)
}
