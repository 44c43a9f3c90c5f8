//! What can be told of an expression before it is evaluated: names that nothing has.
//!
//! Kubernetes checks types in full; here are the errors that rules really have: a misspelt variable, function or field.

use std::collections::HashMap;

use kube_cel::cel::common::ast::{Expr, IdedExpr, LiteralValue};

use super::Expression;
use super::depth::Descent;
use super::functions::TYPES;
use crate::node::{Additional, Kind, SchemaRef};
use crate::rules::escaped;

/// What is known of a value's type.
#[derive(Clone, Copy)]
pub(crate) enum Known<'a> {
    /// A value of this schema; of an object if the flag is set: one with `apiVersion`, `kind` and `metadata`.
    Schema(SchemaRef<'a>, bool),
    /// A key of a map.
    Nothing,
}

struct Scope<'a> {
    variables: HashMap<String, Known<'a>>,
}

impl Expression {
    /// The first name that nothing has, in the compiler's words.
    pub(crate) fn unknown_name(&self, own: Known<'_>, optional_old_self: bool) -> Option<String> {
        let old = if optional_old_self { Known::Nothing } else { own };
        self.checked(HashMap::from([("self".to_owned(), own), ("oldSelf".to_owned(), old)]))
    }

    /// The first name that nothing has, where these are the variables, in the compiler's words.
    pub(crate) fn unknown_name_beside(&self, variables: &[&str]) -> Option<String> {
        self.checked(variables.iter().map(|name| ((*name).to_owned(), Known::Nothing)).collect())
    }

    fn checked(&self, variables: HashMap<String, Known<'_>>) -> Option<String> {
        let check = || check(&self.source, &mut Scope { variables }).err();
        let checked = self.depth.run(Descent::Interpreter, check);
        checked.unwrap_or_else(|| Some("the expression cannot be checked".to_owned()))
    }

    /// Whether the result is of another type than this one (`bool` or `string`), as far as that can be told.
    pub(crate) fn is_surely_not(&self, wanted: &str, own: Known<'_>) -> bool {
        let variables = HashMap::from([("self".to_owned(), own)]);
        let result_type = || result_type(&self.source, &mut Scope { variables });
        let found = self.depth.run(Descent::Interpreter, result_type).flatten();
        found.is_some_and(|found| found != wanted)
    }
}

fn result_type(expression: &IdedExpr, scope: &mut Scope<'_>) -> Option<&'static str> {
    match &expression.expr {
        Expr::Literal(literal) => Some(match literal {
            LiteralValue::Boolean(_) => "bool",
            LiteralValue::Bytes(_) => "bytes",
            LiteralValue::Double(_) => "double",
            LiteralValue::Int(_) => "int",
            LiteralValue::Null => "null",
            LiteralValue::String(_) => "string",
            LiteralValue::UInt(_) => "uint",
        }),
        Expr::List(_) => Some("list"),
        Expr::Map(_) => Some("map"),
        Expr::Call(call) => match call.func_name.as_str() {
            "_+_" | "_-_" | "_*_" | "_/_" | "_%_" => match result_type(call.args.first()?, scope) {
                Some("bool") => None,
                other => other,
            },
            "size" | "int" => Some("int"),
            "string" => Some("string"),
            "!_" | "_&&_" | "_||_" | "_==_" | "_!=_" | "_<_" | "_<=_" | "_>_" | "_>=_" | "@in" => {
                Some("bool")
            }
            _ => None,
        },
        Expr::Select(select) if select.test => Some("bool"),
        Expr::Ident(_) | Expr::Select(_) => match check(expression, scope).ok()? {
            Known::Schema(schema, _) => {
                let node = schema.node();
                let has_format = node.keywords.as_ref().is_some_and(|keywords| keywords.format.is_some());
                match node.kind.filter(|_| !has_format)? {
                    Kind::Object => Some("map"),
                    Kind::Array => Some("list"),
                    Kind::String => Some("string"),
                    Kind::Integer => Some("int"),
                    Kind::Number => Some("double"),
                    Kind::Boolean => Some("bool"),
                }
            }
            Known::Nothing => None,
        },
        _ => None,
    }
}

fn undeclared(name: &str) -> String {
    format!("undeclared reference to '{name}' (in container '')")
}

/// Functions and macros of Kubernetes that the interpreter lacks.
const LACKING: [&str; 4] = ["sortBy", "bind", "transformList", "transformMap"];

fn check<'a>(expression: &IdedExpr, scope: &mut Scope<'a>) -> Result<Known<'a>, String> {
    match &expression.expr {
        Expr::Ident(name) => match scope.variables.get(name.as_str()) {
            Some(known) => Ok(*known),
            None if name.starts_with('@') || TYPES.contains(&name.as_str()) => Ok(Known::Nothing),
            None => Err(undeclared(name)),
        },
        Expr::Select(select) => field(check(&select.operand, scope)?, &select.field),
        Expr::Call(call) => {
            let name = call.func_name.as_str();
            let is_operator = !name.starts_with(|char: char| char.is_ascii_alphabetic());
            let namespaced = match call.target.as_deref().map(|target| &target.expr) {
                Some(Expr::Ident(name)) => !scope.variables.contains_key(name),
                _ => false,
            };
            if !is_operator && !namespaced && !LACKING.contains(&name) && !super::is_function(name) {
                return Err(undeclared(name));
            }
            let mut first = Known::Nothing;
            if let Some(target) = call.target.as_deref().filter(|_| !namespaced) {
                check(target, scope)?;
            }
            for (index, argument) in call.args.iter().enumerate() {
                let known = check(argument, scope)?;
                if index == 0 {
                    first = known;
                }
            }
            Ok(if name == "_[_]" { element(first) } else { Known::Nothing })
        }
        Expr::Comprehension(comprehension) => {
            let range = check(&comprehension.iter_range, scope)?;
            check(&comprehension.accu_init, scope)?;
            let item = match range {
                Known::Schema(schema, _) if schema.node().kind == Some(Kind::Array) => element(range),
                _ => Known::Nothing,
            };
            let names = [&comprehension.iter_var, &comprehension.accu_var];
            let before = names.map(|name| scope.variables.get(name).copied());
            scope.variables.insert(comprehension.iter_var.clone(), item);
            scope.variables.insert(comprehension.accu_var.clone(), Known::Nothing);
            let checked = [&comprehension.loop_cond, &comprehension.loop_step, &comprehension.result]
                .into_iter()
                .try_for_each(|part| check(part, scope).map(|_| ()));
            for (name, before) in names.into_iter().zip(before) {
                match before {
                    Some(known) => scope.variables.insert(name.clone(), known),
                    None => scope.variables.remove(name),
                };
            }
            checked.map(|()| Known::Nothing)
        }
        _ => {
            let mut parts = expression.expr.clone();
            let mut result = Ok(Known::Nothing);
            super::for_each_part(&mut parts, |part| {
                if result.is_ok() {
                    result = check(part, scope).map(|_| Known::Nothing);
                }
            });
            result
        }
    }
}

/// The elements of a list or the values of a map.
fn element(known: Known<'_>) -> Known<'_> {
    match known {
        Known::Schema(schema, _) => match schema.items().or_else(|| schema.values()) {
            Some(element) => Known::Schema(element, element.node().embedded),
            None => Known::Nothing,
        },
        Known::Nothing => Known::Nothing,
    }
}

fn field<'a>(operand: Known<'a>, name: &str) -> Result<Known<'a>, String> {
    let Known::Schema(schema, is_resource) = operand else { return Ok(Known::Nothing) };
    if is_resource && matches!(name, "apiVersion" | "kind" | "metadata") {
        return Ok(Known::Nothing);
    }
    let property = schema.properties().find(|(property, _)| escaped(property).as_deref() == Some(name));
    match property {
        Some((_, property)) => Ok(Known::Schema(property, property.node().embedded)),
        None if schema.node().additional != Additional::None => Ok(element(operand)),
        None if schema.node().kind == Some(Kind::Object) => Err(format!("undefined field '{name}'")),
        None => Ok(Known::Nothing),
    }
}
