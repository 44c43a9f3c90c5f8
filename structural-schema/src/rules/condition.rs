//! Conditions over values that have no schema, such as those of an admission webhook (`matchConditions`).

use kube_cel::cel::Value as Cel;
use serde_json::Value;

use super::budget::Budget;
use super::expression::{Expression, Failure, Known};
use super::value;

/// A compiled condition in CEL.
#[derive(Debug)]
pub struct Condition {
    expression: Expression,
}

impl Condition {
    /// Compiles a condition over variables of these names.
    ///
    /// # Errors
    /// What is wrong with it, in the words of Kubernetes' compiler.
    pub fn compile(source: &str, variables: &[&str]) -> Result<Self, String> {
        let expression = Expression::compile(source)?;
        if let Some(unknown) = expression.unknown_name_beside(variables) {
            return Err(unknown);
        }
        if expression.is_surely_not("bool", Known::Nothing) {
            return Err("must evaluate to bool".to_owned());
        }
        Ok(Self { expression })
    }

    /// Whether a variable is asked for.
    pub fn uses(&self, variable: &str) -> bool {
        self.expression.uses(variable)
    }

    /// Evaluates the condition. It may take as long as the rules of one object may.
    ///
    /// # Errors
    /// Why it has no result, in the words of CEL's reference implementation.
    pub fn holds(&self, variables: &[(&str, &Value)]) -> Result<bool, String> {
        let variables = variables.iter().map(|(name, value)| (*name, value::plain(value)));
        match self.expression.evaluate_with(variables, &Budget::new().steps()) {
            Ok(Cel::Bool(holds)) => Ok(holds),
            Ok(_) => Err("the result is not a bool".to_owned()),
            Err(Failure::Exceeded) => Err("operation cancelled: actual cost limit exceeded".to_owned()),
            Err(Failure::NoOverload) => Err("no such overload".to_owned()),
            Err(Failure::Error(error)) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[track_caller]
    fn check(source: &str, wanted: Result<bool, &str>) {
        let object =
            json!({"metadata": {"name": "a", "labels": {"app.kubernetes.io/name": "x"}}, "spec": {"n": 3}});
        let found = Condition::compile(source, &["object", "oldObject"])
            .and_then(|condition| condition.holds(&[("object", &object), ("oldObject", &Value::Null)]));
        assert_eq!(found, wanted.map_err(str::to_owned), "{source}");
    }

    #[test]
    fn fields_have_their_own_names() {
        check("object.metadata.name == 'a'", Ok(true));
        check("object.metadata.labels['app.kubernetes.io/name'] == 'y'", Ok(false));
        check("oldObject == null && object.spec.n > 2", Ok(true));
        check("has(object.spec.m)", Ok(false));
        check("object.spec.m == 1", Err("no such key: m"));
    }

    #[test]
    fn what_is_no_condition_is_refused() {
        check("nothing == 1", Err("undeclared reference to 'nothing' (in container '')"));
        check("1 + 1", Err("must evaluate to bool"));
        check("object.spec.n", Err("the result is not a bool"));
        assert!(Condition::compile("object.", &["object"]).is_err());
    }

    #[test]
    fn loops_end() {
        let many: Vec<u32> = (0..3_000).collect();
        let many = json!(many);
        let condition = Condition::compile("object.all(a, object.all(b, a + b >= 0))", &["object"]).unwrap();
        let error = condition.holds(&[("object", &many)]).unwrap_err();
        assert_eq!(error, "operation cancelled: actual cost limit exceeded");
    }
}
