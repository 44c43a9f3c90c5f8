//! One CEL expression.

mod check;
mod depth;
mod functions;
mod growth;

use std::panic::{AssertUnwindSafe, catch_unwind};

use kube_cel::cel::common::ast::{CallExpr, EntryExpr, Expr, IdedExpr, operators};
use kube_cel::cel::parser::Parser;
use kube_cel::cel::{ExecutionError, Value};

use super::budget::{STEP, Steps};

pub(crate) use check::Known;
use depth::{Depth, Descent};
use functions::FUNCTIONS;

/// Whether there is a function of that name: called with nothing, it complains of something else than its name.
fn is_function(name: &str) -> bool {
    let call = CallExpr { func_name: name.to_owned(), target: None, args: Vec::new() };
    let call = IdedExpr { id: 0, expr: Expr::Call(call) };
    let result = catch_unwind(AssertUnwindSafe(|| Value::resolve(&call, &FUNCTIONS)));
    !matches!(result, Ok(Err(ExecutionError::UndeclaredReference(_))))
}

/// A compiled expression.
#[derive(Debug)]
pub(crate) struct Expression {
    depth: Depth,
    source: IdedExpr,
    /// The same, whose loops count their steps, and which pays for what it makes.
    limited: IdedExpr,
}

/// Why an expression has no value.
pub(super) enum Failure {
    /// Its loops took too many steps, or too much time.
    Exceeded,
    /// What is wrong, as CEL's reference implementation words it.
    Error(String),
    /// No overload of an operator or a function takes the values.
    NoOverload,
}

impl Expression {
    /// Parses an expression. The error is in the words of Kubernetes' compiler.
    pub(crate) fn compile(source: &str) -> Result<Self, String> {
        let depth = Depth::of(source)?;
        let compile = || {
            let parsed = Parser::new().enable_optional_syntax(true).parse(source);
            let source = parsed.map_err(|errors| errors.to_string())?;
            if has_struct(&source) {
                return Err("messages cannot be constructed".to_owned());
            }
            let mut limited = source.clone();
            prepare(&mut limited);
            Ok(Self { depth, source, limited })
        };
        // The parser is of another hand, and its input is of anybody's.
        depth.run(Descent::Parser, compile).unwrap_or_else(|| Err("the parser gave up".to_owned()))
    }

    /// Whether the old value is asked for.
    pub(crate) fn uses_old_self(&self) -> bool {
        self.uses("oldSelf")
    }

    /// Whether a variable is asked for.
    pub(super) fn uses(&self, variable: &str) -> bool {
        let uses = || self.source.references().has_variable(variable);
        self.depth.run(Descent::Interpreter, uses).unwrap_or(true)
    }

    /// Evaluates with `self` and, if it has a value, `oldSelf`.
    pub(super) fn evaluate(&self, own: &Value, old: Option<&Value>, steps: &Steps) -> Result<Value, Failure> {
        let old = old.map(|old| ("oldSelf", old.clone()));
        self.evaluate_with([("self", own.clone())].into_iter().chain(old), steps)
    }

    /// Evaluates with these variables.
    pub(super) fn evaluate_with<'a>(
        &self,
        variables: impl IntoIterator<Item = (&'a str, Value)>,
        steps: &Steps,
    ) -> Result<Value, Failure> {
        let variables: Vec<_> = variables.into_iter().collect();
        let evaluate = || {
            let mut context = FUNCTIONS.new_inner_scope();
            context.set_variable_resolver(steps);
            for (name, value) in variables {
                context.add_variable_from_value(name, value);
            }
            Value::resolve(&self.limited, &context)
        };
        let result = self.depth.run(Descent::Interpreter, evaluate);
        if steps.exceeded() {
            return Err(Failure::Exceeded);
        }
        match result {
            Some(Ok(value)) => Ok(value),
            Some(Err(error)) => Err(failure(error)),
            None => Err(Failure::Error("the interpreter gave up".to_owned())),
        }
    }
}

fn failure(error: ExecutionError) -> Failure {
    Failure::Error(match error {
        ExecutionError::NoSuchOverload
        | ExecutionError::ValuesNotComparable(..)
        | ExecutionError::UnsupportedBinaryOperator(..)
        | ExecutionError::UnsupportedUnaryOperator(..)
        | ExecutionError::UnexpectedType { .. }
        | ExecutionError::UnsupportedTargetType { .. } => return Failure::NoOverload,
        ExecutionError::NoSuchKey(key) => format!("no such key: {key}"),
        ExecutionError::DivisionByZero(_) => "division by zero".to_owned(),
        ExecutionError::RemainderByZero(_) => "modulus by zero".to_owned(),
        ExecutionError::Overflow(..) => "integer overflow".to_owned(),
        ExecutionError::IndexOutOfBounds(Value::Int(index)) => format!("index out of bounds: {index}"),
        ExecutionError::FunctionError { message, .. } => message,
        other => other.to_string(),
    })
}

/// Visits the expressions right below one.
fn for_each_part(expr: &mut Expr, mut visit: impl FnMut(&mut IdedExpr)) {
    match expr {
        Expr::Call(call) => {
            call.target.iter_mut().for_each(|target| visit(target));
            call.args.iter_mut().for_each(visit);
        }
        Expr::Comprehension(comprehension) => {
            visit(&mut comprehension.iter_range);
            visit(&mut comprehension.accu_init);
            visit(&mut comprehension.loop_cond);
            visit(&mut comprehension.loop_step);
            visit(&mut comprehension.result);
        }
        Expr::List(list) => list.elements.iter_mut().for_each(visit),
        Expr::Map(map) => {
            for entry in &mut map.entries {
                if let EntryExpr::MapEntry(entry) = &mut entry.expr {
                    visit(&mut entry.key);
                    visit(&mut entry.value);
                }
            }
        }
        Expr::Select(select) => visit(&mut select.operand),
        Expr::Ident(_) | Expr::Literal(_) | Expr::Struct(_) | Expr::Unspecified => {}
    }
}

/// Puts a reading of [`STEP`] before the condition of every loop, lets it pay for what it makes, and puts an index in the
/// place of every optional selection (`a.?b`), since the interpreter takes a missing key for an error there.
fn prepare(expression: &mut IdedExpr) {
    for_each_part(&mut expression.expr, prepare);
    growth::limit(&mut expression.expr);
    match &mut expression.expr {
        Expr::Comprehension(comprehension) => {
            let condition = std::mem::take(&mut comprehension.loop_cond);
            let id = condition.id;
            let step = IdedExpr { id, expr: Expr::Ident(STEP.to_owned()) };
            let counted = CallExpr {
                func_name: operators::CONDITIONAL.to_owned(),
                target: None,
                args: vec![step, condition.clone(), condition],
            };
            comprehension.loop_cond = IdedExpr { id, expr: Expr::Call(counted) };
        }
        Expr::Call(call) if call.func_name == operators::OPT_SELECT => {
            operators::OPT_INDEX.clone_into(&mut call.func_name);
        }
        _ => {}
    }
}

/// The interpreter knows no messages, which Kubernetes' rules cannot make either.
fn has_struct(expression: &IdedExpr) -> bool {
    let mut found = matches!(expression.expr, Expr::Struct(_) | Expr::Unspecified);
    let mut copy = expression.expr.clone();
    for_each_part(&mut copy, |part| found |= has_struct(part));
    found
}
