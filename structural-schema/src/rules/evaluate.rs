//! Evaluation of the rules of an object.

use kube_cel::cel::Value as Cel;
use serde_json::Value;

use super::budget::Budget;
use super::expression::{Expression, Failure};
use super::{Rule, value};
use crate::correlate::{OldElements, is_unchanged};
use crate::field_error::{Cause, FieldError};
use crate::node::{Additional, Kind, SchemaRef};
use crate::path::{NIL, Path};

/// Bytes of a message that an expression makes.
const MESSAGE_LIMIT: usize = 5 * 1024;

/// Evaluates all rules of a value and of what is in it. `is_resource` if it is an object with `apiVersion`, `kind` and
/// `metadata`; `at` is where it stands.
pub(crate) fn validate(
    schema: SchemaRef<'_>,
    value: &Value,
    old: Option<&Value>,
    is_resource: bool,
    at: &Path<'_>,
    budget: &Budget,
) -> Vec<FieldError> {
    let mut walk = Walk { budget, errors: Vec::new() };
    let place = Place { schema, value, old };
    let ratchet = Ratchet { own: old.map(|_| place), parent: None };
    // The walk ends early when the budget is used up; that has been reported then.
    let _ = walk.visit(place, is_resource, ratchet, at);
    walk.errors
}

/// A value with its schema and the old value that rules may ask for.
#[derive(Clone, Copy)]
struct Place<'a> {
    schema: SchemaRef<'a>,
    value: &'a Value,
    old: Option<&'a Value>,
}

/// What must be unchanged for an error to be dropped: the value itself, else the nearest above that has an old value.
#[derive(Clone, Copy, Default)]
struct Ratchet<'a> {
    own: Option<Place<'a>>,
    parent: Option<Place<'a>>,
}

impl<'a> Ratchet<'a> {
    fn below(self, child: Place<'a>) -> Self {
        match self.own {
            None => self,
            Some(own) => Self { own: child.old.map(|_| child), parent: Some(own) },
        }
    }

    fn holds(self) -> bool {
        let place = self.own.or(self.parent);
        place.is_some_and(|Place { schema, value, old }| {
            old.is_some_and(|old| is_unchanged(schema, value, old))
        })
    }
}

/// The budget is used up.
struct Spent;

struct Walk<'b> {
    budget: &'b Budget,
    errors: Vec<FieldError>,
}

impl Walk<'_> {
    fn visit(
        &mut self,
        place: Place<'_>,
        is_resource: bool,
        ratchet: Ratchet<'_>,
        path: &Path<'_>,
    ) -> Result<(), Spent> {
        let Place { schema, value, old } = place;
        if value.is_null() || !schema.node().has_rules {
            return Ok(());
        }
        self.rules_of(place, is_resource, ratchet, path)?;
        match value {
            Value::Object(fields) => {
                for (name, field) in fields {
                    let (child, path) = match (schema.property(name), &schema.node().additional) {
                        (Some(property), _) => (property, Path::Field(path, name)),
                        (None, Additional::Of(id)) => (schema.at(*id), Path::Key(path, name)),
                        (None, _) => continue,
                    };
                    let old = old.and_then(|old| old.get(name));
                    let child = Place { schema: child, value: field, old };
                    let is_type = ratchet.parent.is_none() && matches!(name.as_str(), "apiVersion" | "kind");
                    let ratchet = if is_type { Ratchet::default() } else { ratchet.below(child) };
                    self.visit(child, child.schema.node().embedded, ratchet, &path)?;
                }
            }
            Value::Array(elements) => {
                let Some(items) = schema.items().filter(|items| items.node().has_rules) else {
                    return Ok(());
                };
                let olds = OldElements::of(schema, old);
                for (index, element) in elements.iter().enumerate() {
                    let old = olds.as_ref().and_then(|olds| olds.get(element));
                    let child = Place { schema: items, value: element, old };
                    let embedded = items.node().embedded;
                    self.visit(child, embedded, ratchet.below(child), &Path::Index(path, index))?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn rules_of(
        &mut self,
        place: Place<'_>,
        is_resource: bool,
        ratchet: Ratchet<'_>,
        path: &Path<'_>,
    ) -> Result<(), Spent> {
        let Some(rules) = place.schema.node().keywords.as_ref().map(|keywords| &keywords.rules) else {
            return Ok(());
        };
        if rules.is_empty() {
            return Ok(());
        }
        let old = place.old.filter(|old| !old.is_null());
        let subject = Subject {
            schema: place.schema,
            json: place.value,
            own: value::value(place.value, Some(place.schema), is_resource),
            old: old
                .filter(|_| rules.iter().any(|rule| rule.uses_old_self))
                .map(|old| value::value(old, Some(place.schema), is_resource)),
        };
        for rule in rules {
            // A rule about a change says nothing of a value that is new, unless it asks to.
            if rule.uses_old_self && old.is_none() && !rule.optional_old_self {
                continue;
            }
            if self.budget.is_spent() {
                let detail = "validation failed due to running out of cost budget, no further validation rules \
                              will be run";
                self.errors.push(subject.type_error(path, detail));
                return Err(Spent);
            }
            let Some(error) = self.rule(rule, &subject, path) else { continue };
            if error.is_verdict && !rule.uses_old_self && ratchet.holds() {
                continue;
            }
            self.errors.push(error.error);
            if error.is_last {
                self.budget.spend();
                return Err(Spent);
            }
        }
        Ok(())
    }

    fn rule(&self, rule: &Rule, subject: &Subject<'_>, path: &Path<'_>) -> Option<RuleError> {
        let program = match &rule.program {
            Ok(program) => program,
            Err(error) => {
                let error =
                    subject.type_error(path, &format!("rule compile error: compilation failed: {error}"));
                return Some(RuleError { error, is_verdict: false, is_last: false });
            }
        };
        let failed = |detail: &str, is_last| {
            Some(RuleError { error: subject.type_error(path, detail), is_verdict: false, is_last })
        };
        match self.evaluate(program, rule, subject) {
            Ok(Cel::Bool(true)) => None,
            // Anything but true is a rule that does not hold.
            Ok(_) => {
                let detail = self.message(rule, subject);
                let error = subject.verdict(rule, path, &detail);
                Some(RuleError { error, is_verdict: true, is_last: false })
            }
            Err(Failure::Exceeded) => {
                let limit = "'operation cancelled: actual cost limit exceeded': no further validation rules will be \
                             run due to call cost exceeds limit for rule";
                failed(&format!("{limit}: {}", rule.name()), true)
            }
            Err(Failure::NoOverload) => {
                let overload = "'no such overload': call arguments did not match a supported operator, function or \
                                macro signature for rule";
                failed(&format!("{overload}: {}", rule.name()), false)
            }
            Err(Failure::Error(error)) => failed(&format!("{error} evaluating rule: {}", rule.name()), false),
        }
    }

    fn evaluate(&self, program: &Expression, rule: &Rule, subject: &Subject<'_>) -> Result<Cel, Failure> {
        let optional = rule.optional_old_self.then(|| value::optional(subject.old.clone()));
        program.evaluate(&subject.own, optional.as_ref().or(subject.old.as_ref()), &self.budget.steps())
    }

    /// The message: the expression's, if it makes a good one, else the one that is written, else the rule itself.
    fn message(&self, rule: &Rule, subject: &Subject<'_>) -> String {
        let made =
            rule.message_program.as_ref().and_then(|program| match self.evaluate(program, rule, subject) {
                Ok(Cel::String(text)) => Some(text.trim().to_owned()),
                _ => None,
            });
        let good = |text: &String| !text.is_empty() && text.len() <= MESSAGE_LIMIT && !text.contains('\n');
        made.filter(good).unwrap_or_else(|| match &rule.message {
            Some(message) => message.clone(),
            None => format!("failed rule: {}", rule.text),
        })
    }
}

struct RuleError {
    error: FieldError,
    /// The rule was evaluated, and does not hold.
    is_verdict: bool,
    /// No further rules are evaluated.
    is_last: bool,
}

/// A value that rules are evaluated of.
struct Subject<'a> {
    schema: SchemaRef<'a>,
    json: &'a Value,
    own: Cel,
    old: Option<Cel>,
}

impl Subject<'_> {
    /// An error of a rule that has no verdict. It shows the type in place of the value.
    fn type_error(&self, path: &Path<'_>, detail: &str) -> FieldError {
        let kind = self.schema.node().kind.map_or("", Kind::name);
        FieldError::invalid_text(path.field(), kind, detail)
    }

    fn verdict(&self, rule: &Rule, path: &Path<'_>, detail: &str) -> FieldError {
        let field = match (&rule.field_path, path.field()) {
            (Some(below), top) if top == NIL => below.clone(),
            (Some(below), field) => format!("{field}.{below}"),
            (None, field) => field,
        };
        let is_whole = matches!(self.schema.node().kind, Some(Kind::Object | Kind::Array));
        match rule.reason {
            Cause::Forbidden | Cause::Required => FieldError::plain(rule.reason, field, detail),
            Cause::Duplicate if is_whole => FieldError::plain(Cause::Duplicate, field, ""),
            Cause::Duplicate => FieldError::with_value(Cause::Duplicate, field, self.json, ""),
            _ if is_whole => FieldError::plain(Cause::Invalid, field, detail),
            _ => FieldError::invalid(field, self.json, detail),
        }
    }
}
