//! What an expression makes: values that are larger than what they are made of, and work that no loop counts.
//!
//! Loops count their steps. What is here would grow without bounds within one step, or be kept by what a loop makes. So it
//! is paid for before it is made.

use kube_cel::cel::common::ast::{CallExpr, EntryExpr, Expr, IdedExpr, operators};
use kube_cel::cel::objects::Key;
use kube_cel::cel::{Context, ExecutionError, FunctionContext, ResolveResult, Value};

use crate::rules::budget::Spending;

/// The function that hands on a value which will be kept beside others.
const KEPT: &str = "@kept";
/// Arguments of a function beyond which each is paid for: no function of Kubernetes takes so many.
const ARGUMENTS: usize = 8;
/// Room that a value takes, in bytes, beside its text or its elements.
const VALUE: u64 = 40;

/// Functions whose result may be much larger than their arguments, or which compare each element with each.
const PRICED: [&str; 16] = [
    "base64.encode",
    "distinct",
    "findAll",
    "format",
    "indexOf",
    "join",
    "lastIndexOf",
    "lists.range",
    "replace",
    "sets.contains",
    "sets.equivalent",
    "sets.intersects",
    "split",
    "string",
    "strings.quote",
    "sum",
];

/// Adds the functions that expressions call which have been [`limit`]ed.
pub(super) fn add_functions(context: &mut Context<'_>) {
    context.add_function(KEPT, Box::new(kept) as Function);
    for name in PRICED {
        let (space, own) = name.rsplit_once('.').map_or((None, name), |(space, own)| (Some(space), own));
        let call = move |called: &mut FunctionContext<'_, '_>| paid(name, space, own, called);
        let new = space.map_or_else(|| priced(own), |space| format!("{space}.{}", priced(own)));
        context.add_function(&new, Box::new(call) as Function);
    }
}

type Function = Box<dyn Fn(&mut FunctionContext<'_, '_>) -> ResolveResult + Send + Sync>;

fn priced(name: &str) -> String {
    format!("@{name}")
}

/// Lets an expression pay for what it makes; what is in it has been seen to.
pub(super) fn limit(expr: &mut Expr) {
    match expr {
        Expr::List(list) => list.elements.iter_mut().for_each(keep),
        Expr::Map(map) => {
            for entry in &mut map.entries {
                if let EntryExpr::MapEntry(entry) = &mut entry.expr {
                    keep(&mut entry.value);
                }
            }
        }
        // The left one has been paid for, or is a part of what the expression is about.
        Expr::Call(call) if call.func_name == operators::ADD => call.args.iter_mut().skip(1).for_each(keep),
        Expr::Call(call) => {
            if call.args.len() > ARGUMENTS {
                call.args.iter_mut().for_each(keep);
            }
            let space = call.target.as_deref().and_then(|target| match &target.expr {
                Expr::Ident(name) => Some(format!("{name}.{}", call.func_name)),
                _ => None,
            });
            let is_priced = |name: &str| PRICED.contains(&name);
            if is_priced(&call.func_name) || space.is_some_and(|name| is_priced(&name)) {
                call.func_name = priced(&call.func_name);
            }
        }
        _ => {}
    }
}

fn keep(part: &mut IdedExpr) {
    // A list or a map has paid for what is in it.
    if !matches!(part.expr, Expr::Literal(_) | Expr::List(_) | Expr::Map(_)) {
        let id = part.id;
        let kept = CallExpr { func_name: KEPT.to_owned(), target: None, args: vec![std::mem::take(part)] };
        *part = IdedExpr { id, expr: Expr::Call(kept) };
    }
}

fn kept(called: &mut FunctionContext<'_, '_>) -> ResolveResult {
    let value = match called.args {
        [value] => Value::resolve(value, called.ptx)?,
        _ => return Err(ExecutionError::NoSuchOverload),
    };
    // Plain values are as many as the steps that make them.
    if matches!(value, Value::List(_) | Value::Map(_) | Value::String(_) | Value::Bytes(_) | Value::Opaque(_))
    {
        pay(called, Spending::Bytes(weight(&value)))?;
    }
    Ok(value)
}

/// Calls a function after it has been paid for.
fn paid(name: &str, space: Option<&str>, own: &str, called: &mut FunctionContext<'_, '_>) -> ResolveResult {
    let values = called.args.iter().map(|argument| Value::resolve(argument, called.ptx));
    let values = called.this.clone().map(Ok).into_iter().chain(values).collect::<Result<Vec<_>, _>>()?;
    pay(called, price(name, &values))?;

    let mut scope = called.ptx.new_inner_scope();
    let variable = |name: &str| IdedExpr { id: 0, expr: Expr::Ident(name.to_owned()) };
    let mut operands = Vec::with_capacity(values.len());
    for (index, value) in values.into_iter().enumerate() {
        let name = format!("@{index}");
        operands.push(variable(&name));
        scope.add_variable_from_value(name, value);
    }
    let target = match space {
        Some(space) => Some(variable(space)),
        None => called.this.is_some().then(|| operands.remove(0)),
    };
    let call = CallExpr { func_name: own.to_owned(), target: target.map(Box::new), args: operands };
    Value::resolve(&IdedExpr { id: 0, expr: Expr::Call(call) }, &scope)
}

fn pay(called: &FunctionContext<'_, '_>, spending: Spending) -> Result<(), ExecutionError> {
    match called.ptx.get_variable(spending.variable()) {
        Some(_) => Ok(()),
        None => Err(called.error("actual cost limit exceeded")),
    }
}

/// What a call costs, by the target and the arguments. Where they are none that the function takes, it will say so.
fn price(name: &str, values: &[Value]) -> Spending {
    let number = |length: usize| u64::try_from(length).unwrap_or(u64::MAX);
    let length = |value: &Value| match value {
        Value::List(list) => number(list.len()),
        Value::String(text) => number(text.len()),
        _ => 0,
    };
    let bytes = match (name, values) {
        ("sets.contains" | "sets.intersects", [one, other]) => {
            return Spending::Steps(length(one).saturating_mul(length(other)));
        }
        ("sets.equivalent", [one, other]) => {
            return Spending::Steps(length(one).saturating_mul(length(other)).saturating_mul(2));
        }
        ("distinct", [list]) => return Spending::Steps(length(list).saturating_mul(length(list)) / 2),
        // A text is compared at each place; a step is worth some letters.
        ("indexOf" | "lastIndexOf", [Value::String(text), part, ..]) => {
            return Spending::Steps(number(text.len()).saturating_mul(length(part)) / 64);
        }
        ("lists.range", [Value::Int(count)]) => u64::try_from(*count).unwrap_or(0).saturating_mul(VALUE),
        ("replace", [Value::String(text), Value::String(old), Value::String(new), limit @ ..]) => {
            let limit = match limit {
                [Value::Int(limit)] => usize::try_from(*limit).unwrap_or(0),
                _ => usize::MAX,
            };
            let found = text.matches(old.as_str()).take(limit).count();
            number(text.len()).saturating_add(number(found).saturating_mul(number(new.len())))
        }
        ("split", [Value::String(text), Value::String(separator), ..]) => {
            let found = number(text.matches(separator.as_str()).count());
            number(text.len()).saturating_add(found.saturating_add(1).saturating_mul(VALUE))
        }
        ("findAll", [Value::String(text), ..]) => number(text.len()).saturating_add(1).saturating_mul(VALUE),
        ("join", [list, separator @ ..]) => {
            let separators = separator.first().map_or(0, length).saturating_mul(length(list));
            // What is no text is written out in full.
            weight(list).saturating_mul(4).saturating_add(separators)
        }
        ("format", [Value::String(text), arguments]) => {
            let digits = text.split("%.").skip(1).map(digits).fold(0, u64::saturating_add);
            digits.saturating_add(number(text.len())).saturating_add(weight(arguments).saturating_mul(4))
        }
        // Texts would be joined one by one.
        ("sum", [list @ Value::List(elements)])
            if matches!(elements.first(), Some(Value::String(_) | Value::Bytes(_) | Value::List(_))) =>
        {
            length(list).saturating_mul(weight(list))
        }
        ("base64.encode" | "string" | "strings.quote", [value, ..]) => weight(value).saturating_mul(2),
        _ => 0,
    };
    Spending::Bytes(bytes)
}

/// The number at the start of a text: how many digits a format asks for.
fn digits(text: &str) -> u64 {
    let end = text.find(|char: char| !char.is_ascii_digit()).unwrap_or(text.len());
    text[..end].parse().unwrap_or(if end == 0 { 0 } else { u64::MAX })
}

/// Room that a value takes, in bytes.
fn weight(value: &Value) -> u64 {
    let text = |length: usize| u64::try_from(length).unwrap_or(u64::MAX);
    VALUE.saturating_add(match value {
        Value::String(content) => text(content.len()),
        Value::Bytes(content) => text(content.len()),
        Value::List(elements) => elements.iter().map(weight).fold(0, u64::saturating_add),
        Value::Map(map) => map
            .map
            .iter()
            .map(|(key, value)| match key {
                Key::String(key) => weight(value).saturating_add(text(key.len())),
                _ => weight(value),
            })
            .fold(0, u64::saturating_add),
        _ => 0,
    })
}
