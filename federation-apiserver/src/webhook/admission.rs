//! Admission by webhooks.

mod form;
mod options;

use std::sync::Arc;

use async_trait::async_trait;
use futures::future::join_all;
use serde_json::Value;

use super::configurations::Configurations;
use super::hook::Hook;
use super::matching::{Asked, Matcher};
use super::outcome::{Failure, denied};
use super::review::{Question, Verdict, verdict};
use crate::admission::{Attributes, Plugin};
use crate::metrics::{Metrics, WebhookCall};
use crate::resource::{Catalog, Resource};
use crate::status::ApiError;
use form::Form;

/// The code that is counted for a webhook that could not be called: kube-apiserver's.
const UNREACHED: u16 = 600;

/// Longest answer to an admission review, in bytes: a patch of the largest object, in base64, several times over.
const LONGEST_ANSWER: usize = 16 << 20;

/// Asks the webhooks of all configurations: those that change objects one after the other, in the order of their
/// configurations' names; those that only look all at once.
///
/// It belongs at the end of the plugins, since it lets the others not run again when a webhook has changed something.
pub struct AdmissionWebhooks {
    configurations: Arc<Configurations>,
    catalog: Arc<Catalog>,
    matcher: Matcher,
    metrics: Arc<Metrics>,
}

impl AdmissionWebhooks {
    /// The webhooks of these configurations. `catalog` knows the other versions of a resource, and `store` the labels
    /// of namespaces; calls are counted in `metrics`.
    pub fn new(
        configurations: Arc<Configurations>,
        catalog: Arc<Catalog>,
        store: Arc<dyn revision_store::Store>,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self { configurations, catalog, matcher: Matcher::new(store), metrics }
    }

    /// Asks one webhook, and counts it.
    async fn ask(
        &self,
        hook: &Hook,
        mutating: bool,
        asked: &Asked<'_>,
        form: &Form<'_>,
        context: &Context,
    ) -> Result<Verdict, Failure> {
        let begun = std::time::Instant::now();
        let answer = self.call(hook, mutating, asked, form, context).await;
        let (rejected, code) = match &answer {
            Ok(verdict) if verdict.allowed => (false, 200),
            Ok(verdict) => (true, denied(&hook.name, &verdict.status).code()),
            Err(Failure::Refused(error)) => (true, error.code()),
            Err(Failure::Call(_)) => (!hook.may_fail, UNREACHED),
        };
        let operation = asked.operation.name();
        let call = WebhookCall { name: &hook.name, operation, mutating, rejected, code };
        self.metrics.webhook_called(call, begun.elapsed());
        answer
    }

    async fn call(
        &self,
        hook: &Hook,
        mutating: bool,
        asked: &Asked<'_>,
        form: &Form<'_>,
        context: &Context,
    ) -> Result<Verdict, Failure> {
        if context.dry_run && !hook.without_side_effects {
            return Err(Failure::dry_run(&hook.name));
        }
        let version = hook.version.ok_or_else(|| {
            Failure::Call(
                "could not create admission objects: webhook does not accept known AdmissionReview versions (v1, v1beta1)"
                    .to_owned(),
            )
        })?;
        let endpoint = hook
            .endpoint
            .as_ref()
            .map_err(|why| Failure::Call(format!("could not get REST client: {why}")))?;
        let uid = uuid::Uuid::new_v4().to_string();
        let review = context.question(asked, form).review(version, &uid);
        let answer = endpoint.call(&review, hook.timeout, LONGEST_ANSWER).await;
        let answer = answer.map_err(Failure::calling)?;
        verdict(version, &uid, mutating, &answer)
            .map_err(|why| Failure::Call(format!("received invalid webhook response: {why}")))
    }
}

/// What all webhooks of one write are told alike.
struct Context {
    user: Value,
    dry_run: bool,
    options: Value,
}

impl Context {
    fn of(write: &Attributes<'_>) -> Result<Self, ApiError> {
        let user = serde_json::to_value(write.user).map_err(ApiError::internal)?;
        Ok(Self { user, dry_run: write.dry_run, options: options::of(write) })
    }

    fn question<'q>(&'q self, asked: &'q Asked<'_>, form: &'q Form<'_>) -> Question<'q> {
        Question {
            asked,
            resource: form.resource,
            object: &form.object,
            old: &form.old,
            user: &self.user,
            dry_run: self.dry_run,
            options: &self.options,
        }
    }

    /// Whether the webhook's conditions hold.
    fn holds(&self, hook: &Hook, asked: &Asked<'_>, form: &Form<'_>) -> Result<bool, ApiError> {
        if hook.conditions.is_empty() {
            return Ok(true);
        }
        let request = self.question(asked, form).request();
        match hook.conditions.hold(&form.object, &form.old, &request) {
            Ok(hold) => Ok(hold),
            Err(_) if hook.may_fail => Ok(false),
            Err(why) => Err(ApiError::forbidden(asked.resource.group_resource(), asked.name, &why)),
        }
    }
}

/// Webhooks are not asked about their own configurations: a broken one could not be removed.
fn is_exempt(resource: &Resource) -> bool {
    resource.group == "admissionregistration.k8s.io"
}

#[async_trait]
impl Plugin for AdmissionWebhooks {
    async fn admit(&self, write: &mut Attributes<'_>) -> Result<(), ApiError> {
        let hooks = self.configurations.mutating();
        if hooks.is_empty() || is_exempt(write.resource) {
            return Ok(());
        }
        let (served, asked, context) = (self.catalog.served(), Asked::of(write), Context::of(write)?);
        let mut form = Form::of(write);
        let mut invoked: Vec<&str> = Vec::new();
        let mut again: Vec<&str> = Vec::new();
        for round in 0..2 {
            let mut changed = false;
            for hook in hooks.iter() {
                if round > 0 && !again.contains(&hook.id.as_str()) {
                    continue;
                }
                let version =
                    self.matcher.version_for(hook, &asked, &served, &form.object, write.old).await?;
                let Some(version) = version else { continue };
                form.convert(version).await?;
                if !context.holds(hook, &asked, &form)? {
                    continue;
                }
                let outcome = match self.ask(hook, true, &asked, &form, &context).await {
                    Ok(verdict) => {
                        write.warnings.extend(verdict.warnings.iter().cloned());
                        if verdict.allowed {
                            form.patch(hook, &verdict)
                        } else {
                            Err(Failure::Refused(denied(&hook.name, &verdict.status)))
                        }
                    }
                    Err(failure) => Err(failure),
                };
                match outcome {
                    Ok(false) => {}
                    Ok(true) => {
                        changed = true;
                        again.append(&mut invoked);
                    }
                    Err(failure) => {
                        if let Some(error) = failure.told(&hook.name, hook.may_fail) {
                            return Err(error);
                        }
                    }
                }
                if hook.again {
                    invoked.push(&hook.id);
                }
            }
            if !changed {
                break;
            }
        }
        write.object = form.finish().await?;
        Ok(())
    }

    async fn validate(&self, write: &mut Attributes<'_>) -> Result<(), ApiError> {
        if is_exempt(write.resource) {
            return check_conditions(write);
        }
        let hooks = self.configurations.validating();
        if hooks.is_empty() {
            return Ok(());
        }
        let (served, asked, context) = (self.catalog.served(), Asked::of(write), Context::of(write)?);
        let mut forms: Vec<Form<'_>> = Vec::new();
        let mut calls = Vec::new();
        for hook in hooks.iter() {
            let version = self.matcher.version_for(hook, &asked, &served, &write.object, write.old).await?;
            let Some(version) = version else { continue };
            let known = forms.iter().position(|form| form.resource.api_version() == version.api_version());
            let form = match known {
                Some(known) => known,
                None => {
                    let mut form = Form::of(write);
                    form.convert(version).await?;
                    forms.push(form);
                    forms.len() - 1
                }
            };
            if context.holds(hook, &asked, &forms[form])? {
                calls.push((hook, form));
            }
        }
        let asked = &asked;
        let answers = calls.iter().map(|(hook, form)| self.ask(hook, false, asked, &forms[*form], &context));
        let answers = join_all(answers).await;
        let mut refused = None;
        for ((hook, _), answer) in calls.iter().zip(answers) {
            let failure = match answer {
                Ok(verdict) => {
                    write.warnings.extend(verdict.warnings);
                    if verdict.allowed {
                        continue;
                    }
                    Failure::Refused(denied(&hook.name, &verdict.status))
                }
                Err(failure) => failure,
            };
            refused = refused.or(failure.told(&hook.name, hook.may_fail));
        }
        refused.map_or(Ok(()), Err)
    }
}

/// Conditions that do not compile are refused with the configuration that has them.
fn check_conditions(write: &Attributes<'_>) -> Result<(), ApiError> {
    let errors = super::condition::check(&write.object);
    if errors.is_empty() {
        return Ok(());
    }
    let Resource { group, kind, .. } = write.resource;
    Err(ApiError::invalid(group, kind, write.name, &errors))
}
