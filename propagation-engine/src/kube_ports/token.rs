//! A bearer token in memory.

use federation_model::TOKEN_KEY;
use k8s_openapi::api::core::v1::Secret;
use zeroize::Zeroizing;

/// A bearer token: overwritten when it is let go, and absent from `Debug`. There is no `Display` and no serialisation.
///
/// What a client holds of it is the client's: kube keeps its own copy, overwritten likewise, and each request has it in a
/// header that is marked as sensitive.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    text: Zeroizing<String>,
    only_for: Option<String>,
}

impl Token {
    /// A token of this text, without white space around it; none of an empty one.
    pub fn new(text: &str) -> Option<Self> {
        let text = text.trim();
        (!text.is_empty()).then(|| Self { text: Zeroizing::new(text.to_owned()), only_for: None })
    }

    /// The same, to be sent to this [`destination`](super::destination()) alone.
    #[must_use]
    pub fn only_for(self, destination: Option<String>) -> Self {
        Self { only_for: destination, ..self }
    }

    /// The only destination that it may be sent to, if it was sealed for one.
    pub fn sole_destination(&self) -> Option<&str> {
        self.only_for.as_deref()
    }

    /// The readable token of a member's Secret.
    pub fn of_secret(secret: &Secret) -> Option<Self> {
        Self::new(std::str::from_utf8(&secret.data.as_ref()?.get(TOKEN_KEY)?.0).ok()?)
    }

    /// The text.
    pub fn expose(&self) -> &str {
        &self.text
    }
}

impl std::hash::Hash for Token {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.text.as_str().hash(state);
    }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Token(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::Token;

    #[test]
    fn debug_output_does_not_hold_it() {
        let token = Token::new(" open sesame\n").unwrap();
        assert_eq!((format!("{token:?}").as_str(), token.expose()), ("Token(…)", "open sesame"));
        assert!(Token::new(" ").is_none());
    }
}
