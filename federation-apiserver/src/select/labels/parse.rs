//! From a label selector's text to its requirements. The grammar, and what is said of a text outside it, are those
//! of `k8s.io/apimachinery/pkg/labels`.

use super::{Operator, Requirement};
use crate::FieldError;
use crate::select::SelectorError;
use crate::syntax;

/// The requirements of a selector.
pub(super) fn requirements(text: &str) -> Result<Vec<Requirement>, SelectorError> {
    let found = |token: &Token, expected: &str| {
        SelectorError(format!("found '{}', expected: {expected}", token.text()))
    };
    let begins_requirement = |token: &Token| matches!(token, Token::Word(_) | Token::Symbol("!"));
    let mut parser = Parser { tokens: tokens(text), position: 0 };
    let mut requirements = Vec::new();
    loop {
        match parser.peek() {
            Token::End => return Ok(requirements),
            token if begins_requirement(token) => {}
            token => return Err(found(token, "!, identifier, or 'end of string'")),
        }
        let requirement = parser.requirement();
        requirements
            .push(requirement.map_err(|why| SelectorError(format!("unable to parse requirement: {why}")))?);
        match parser.next() {
            Token::End => return Ok(requirements),
            Token::Symbol(",") if begins_requirement(parser.peek()) => {}
            Token::Symbol(",") => return Err(found(parser.peek(), "identifier after ','")),
            token => return Err(found(&token, "',' or 'end of string'")),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    /// A key, a value, or one of the operators that are words.
    Word(String),
    Symbol(&'static str),
    End,
}

impl Token {
    fn text(&self) -> &str {
        match self {
            Self::Word(text) => text,
            Self::Symbol(text) => text,
            Self::End => "",
        }
    }
}

/// Those that begin with another stand before it.
const SYMBOLS: [&str; 9] = ["==", "!=", "=", "!", "(", ")", ",", ">", "<"];

fn tokens(text: &str) -> Vec<Token> {
    let blank = |c: char| matches!(c, ' ' | '\t' | '\r' | '\n');
    let mut rest = text.trim_start_matches(blank);
    let mut found = Vec::new();
    while !rest.is_empty() && !rest.starts_with('\0') {
        let token = match SYMBOLS.into_iter().find(|symbol| rest.starts_with(symbol)) {
            Some(symbol) => Token::Symbol(symbol),
            None => {
                let end = rest.find(|c| "=!(),><\0".contains(c) || blank(c)).unwrap_or(rest.len());
                Token::Word(rest[..end].to_owned())
            }
        };
        rest = rest[token.text().len()..].trim_start_matches(blank);
        found.push(token);
    }
    found.push(Token::End);
    found
}

struct Parser {
    tokens: Vec<Token>,
    position: usize,
}

impl Parser {
    /// The next token; the end stays the end.
    fn peek(&self) -> &Token {
        self.tokens.get(self.position).unwrap_or(&Token::End)
    }

    fn next(&mut self) -> Token {
        let token = self.peek().clone();
        self.position += 1;
        token
    }

    fn requirement(&mut self) -> Result<Requirement, String> {
        let negated = *self.peek() == Token::Symbol("!");
        if negated {
            self.position += 1;
        }
        let key = match self.next() {
            Token::Word(key) => key,
            other => return Err(format!("found '{}', expected: identifier", other.text())),
        };
        check("<nil>", &key, &syntax::label_key(&key))?;
        if negated {
            return Ok(Requirement { key, operator: Operator::DoesNotExist, values: Vec::new() });
        }
        if matches!(self.peek(), Token::End | Token::Symbol(",")) {
            return Ok(Requirement { key, operator: Operator::Exists, values: Vec::new() });
        }
        let (operator, values) = match self.next().text() {
            "in" => (Operator::In, self.set()?),
            "notin" => (Operator::NotIn, self.set()?),
            "=" | "==" => (Operator::Equals, self.exact()?),
            "!=" => (Operator::NotEquals, self.exact()?),
            ">" => (Operator::GreaterThan, self.exact()?),
            "<" => (Operator::LessThan, self.exact()?),
            other => return Err(format!("found '{other}', expected: in, notin, =, ==, !=, gt, lt")),
        };
        for (index, value) in values.iter().enumerate() {
            if matches!(operator, Operator::GreaterThan | Operator::LessThan) && value.parse::<i64>().is_err()
            {
                let why = "for 'Gt', 'Lt' operators, the value must be an integer";
                return Err(FieldError::invalid_text(format!("values[{index}]"), value, why).to_string());
            }
            check(&format!("values[{index}][{key}]"), value, &syntax::label_value(value))?;
        }
        Ok(Requirement { key, operator, values })
    }

    /// The value after `=` and its like: absent means empty.
    fn exact(&mut self) -> Result<Vec<String>, String> {
        if matches!(self.peek(), Token::End | Token::Symbol(",")) {
            return Ok(vec![String::new()]);
        }
        match self.next() {
            Token::Word(value) => Ok(vec![value]),
            other => Err(format!("found '{}', expected: identifier", other.text())),
        }
    }

    /// `(a,b)`; a value between commas may be empty.
    fn set(&mut self) -> Result<Vec<String>, String> {
        match self.next() {
            Token::Symbol("(") => {}
            other => return Err(format!("found '{}' expected: '('", other.text())),
        }
        let mut values: Vec<String> = Vec::new();
        match self.peek() {
            Token::Symbol(")") => values.push(String::new()),
            Token::Word(_) | Token::Symbol(",") => self.list(&mut values)?,
            other => return Err(format!("found '{}', expected: ',', ')' or identifier", other.text())),
        }
        self.position += 1;
        values.sort();
        values.dedup();
        Ok(values)
    }

    /// Up to the closing parenthesis, which is left to be read.
    fn list(&mut self, values: &mut Vec<String>) -> Result<(), String> {
        loop {
            match self.next() {
                Token::Word(value) => {
                    values.push(value);
                    match self.peek() {
                        Token::Symbol(",") => {}
                        Token::Symbol(")") => return Ok(()),
                        other => return Err(format!("found '{}', expected: ',' or ')'", other.text())),
                    }
                }
                Token::Symbol(",") => {
                    if values.is_empty() {
                        values.push(String::new());
                    }
                    match self.peek() {
                        Token::Symbol(")") => {
                            values.push(String::new());
                            return Ok(());
                        }
                        Token::Symbol(",") => values.push(String::new()),
                        _ => {}
                    }
                }
                other => return Err(format!("found '{}', expected: ',', or identifier", other.text())),
            }
        }
    }
}

fn check(field: &str, value: &str, wrong: &[String]) -> Result<(), String> {
    if wrong.is_empty() {
        return Ok(());
    }
    Err(FieldError::invalid_text(field, value, &wrong.join("; ")).to_string())
}
