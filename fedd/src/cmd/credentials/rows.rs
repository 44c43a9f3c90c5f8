//! How tokens are, as `fedd credentials status` and `verify` tell it.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt;
use propagation_engine::kube_ports::Token;
use serde::Serialize;

use super::Members;
use crate::args::ReportFormat;
use crate::cmd::join::TOKEN_EXPIRES;
use crate::output::{stdout, table};
use crate::rotation::claims::{Claims, Life};
use crate::rotation::decide::{LEFT, renewal};
use crate::rotation::record::{Noted, put_at};
use crate::sealing::{Held, Sealing, held};
use crate::yaml;

/// A token, as `status` and `verify` tell of it.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Row {
    pub(super) secret: String,
    pub(super) clusters: Vec<String>,
    /// `plain`, `sealed`, `stale`, `broken`, `empty` or `missing`; of `verify`, also `opens`.
    pub(super) state: String,
    /// `provider/key id`.
    key: String,
    /// `expiring`, `eternal`, or `other`: none of a service account.
    token: String,
    /// When it expires, by the member's clock, as far as that is known without opening it.
    expires: Option<Timestamp>,
    /// When the controllers renew it, unless they are told otherwise.
    renewal: Option<Timestamp>,
    /// What is wrong.
    message: String,
}

/// All of them; opened, if they are to be.
pub(super) async fn read(
    members: &Members,
    sealing: Option<&Sealing>,
    open: bool,
) -> anyhow::Result<Vec<Row>> {
    let mut rows = Vec::new();
    for (name, clusters) in &members.clusters {
        let secret = members.secret(name).await?;
        let (mut key, mut message) = (String::new(), String::new());
        let state = match secret.as_ref().map(held) {
            None => "missing",
            Some(Held::Nothing) => "empty",
            Some(Held::Plain) => "plain",
            Some(Held::Broken(words)) => {
                message = words;
                "broken"
            }
            Some(Held::Sealed(sealed)) => {
                key = format!("{}/{}", sealed.provider, sealed.key.key_id);
                let now = members.destination(name);
                if let Some(before) = sealed.note.as_ref().filter(|note| **note != now) {
                    message = format!("sealed for {before}, and the cluster is at {now}");
                }
                let stale = sealing.is_some_and(|sealing| sealing.is_stale(&sealed));
                match (&secret, sealing) {
                    (Some(secret), Some(sealing)) if open => match sealing.opened(secret).await {
                        Ok(_) => "opens",
                        Err(error) => {
                            message = error.to_string();
                            "broken"
                        }
                    },
                    _ if stale => "stale",
                    _ => "sealed",
                }
            }
        };
        let Shown { token, expires, renewal } = secret.as_ref().map(shown).unwrap_or_default();
        rows.push(Row {
            secret: name.clone(),
            clusters: clusters.iter().map(ResourceExt::name_any).collect(),
            state: state.to_owned(),
            key,
            token: token.to_owned(),
            expires,
            renewal,
            message,
        });
    }
    Ok(rows)
}

/// What is known of a token without opening it.
#[derive(Default)]
struct Shown {
    token: &'static str,
    expires: Option<Timestamp>,
    renewal: Option<Timestamp>,
}

fn shown(secret: &Secret) -> Shown {
    let now = Timestamp::now();
    let (expires, renews) = match (held(secret), Token::of_secret(secret)) {
        (Held::Plain, Some(token)) => match Claims::of(&token) {
            Some(claims) => {
                claims.life.map(|life| (life.expires, renewal(life, put_at(secret, life), LEFT, now)))
            }
            None => return Shown { token: "other", ..Shown::default() },
        },
        (Held::Sealed(_), _) => Noted::of(secret).map(|Noted { put_at, expires }| {
            let life = Life { issued: put_at.unwrap_or(now), expires };
            (expires, renewal(life, put_at, LEFT, now))
        }),
        _ => return Shown::default(),
    }
    .unzip();
    let told = || secret.annotations().get(TOKEN_EXPIRES)?.parse().ok();
    let expires = expires.or_else(told);
    Shown { token: if expires.is_some() { "expiring" } else { "eternal" }, expires, renewal: renews }
}

/// Prints them.
pub(super) fn print(rows: &[Row], format: ReportFormat) -> anyhow::Result<()> {
    let text = match format {
        ReportFormat::Text | ReportFormat::Table => table(
            ["SECRET", "CLUSTERS", "STATE", "KEY", "TOKEN", "EXPIRES", "RENEWAL", "MESSAGE"],
            rows.iter().map(|row| {
                [
                    row.secret.clone(),
                    row.clusters.join(","),
                    row.state.clone(),
                    row.key.clone(),
                    row.token.clone(),
                    time(row.expires),
                    time(row.renewal),
                    row.message.clone(),
                ]
            }),
        ),
        ReportFormat::Yaml => yaml::print(&rows)?,
        ReportFormat::Json => serde_json::to_string_pretty(rows)? + "\n",
    };
    Ok(stdout(&text)?)
}

/// To the second.
fn time(at: Option<Timestamp>) -> String {
    at.map(|at| at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()).unwrap_or_default()
}
