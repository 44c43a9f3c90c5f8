//! Collections, at one revision, in pages.

use revision_store::{Entry, Range, StoreError};

use super::page_token::Position;
use super::{At, Representable, Rest, store_error};
use crate::raw;
use crate::request::{ListOptions, VersionMatch};
use crate::resource::Resource;
use crate::select::Selectors;
use crate::status::ApiError;

/// The answer to a list.
pub struct Listed {
    /// The revision that was listed.
    pub revision: u64,
    /// The objects, in order of their keys.
    pub items: Vec<Representable>,
    /// Where to go on; empty at the end.
    pub continue_token: String,
    /// How many come after this page, where it is known.
    pub remaining: Option<u64>,
}

/// How much is read at once where selectors drop some of it, so that a page is not read object by object.
const READ_AHEAD: usize = 500;

impl Rest {
    /// Lists a collection.
    pub async fn list(&self, at: At<'_>, options: &ListOptions) -> Result<Listed, ApiError> {
        let resource = at.resource;
        let selectors = Selectors::parse(options, &resource.selectable)?;
        let prefix = resource.key(at.namespace, "");
        let (mut after, revision) = self.start(&prefix, options).await?;
        let mut listed =
            Listed { revision: 0, items: Vec::new(), continue_token: String::new(), remaining: None };
        let mut revision = revision;
        loop {
            let limit = match options.limit {
                0 => 0,
                limit if selectors.is_empty() => limit - listed.items.len(),
                limit => limit.max(READ_AHEAD),
            };
            let range = Range { prefix: prefix.clone(), after, limit, at: revision, keys_only: false };
            let page = self.store.list(range).await.map_err(|error| too_old(error, options))?;
            listed.revision = revision.unwrap_or(page.revision);
            revision = Some(listed.revision);
            let mut more = page.remaining;
            let mut last = None;
            let read = page.entries.len();
            let selected = self.select(resource, &page.entries, &selectors).await?;
            for (i, (entry, item)) in page.entries.iter().zip(selected).enumerate() {
                last = Some(entry.key[prefix.len()..].to_owned());
                listed.items.extend(item);
                if options.limit > 0 && listed.items.len() == options.limit {
                    more += (read - i - 1) as u64;
                    break;
                }
            }
            if more == 0 {
                return Ok(listed);
            }
            let last = last.unwrap_or_default();
            if options.limit > 0 && listed.items.len() == options.limit {
                listed.remaining = selectors.is_empty().then_some(more);
                listed.continue_token = Position { revision, after: last }.encode();
                return Ok(listed);
            }
            after = Some(format!("{prefix}{last}"));
        }
    }

    /// Where a list begins, and at which revision.
    async fn start(
        &self,
        prefix: &str,
        options: &ListOptions,
    ) -> Result<(Option<String>, Option<u64>), ApiError> {
        if !options.continue_token.is_empty() {
            if options.resource_version.is_some_and(|version| version > 0) {
                return Err(ApiError::bad_request(
                    "specifying resource version is not allowed when using continue",
                ));
            }
            let position = Position::decode(&options.continue_token)?;
            return Ok((Some(format!("{prefix}{}", position.after)), position.revision));
        }
        let Some(asked) = options.resource_version.filter(|asked| *asked > 0) else {
            return Ok((None, None));
        };
        let current = self.store.revision().await.map_err(store_error)?;
        if asked > current {
            return Err(ApiError::too_large_resource_version(asked, current));
        }
        Ok((None, (options.version_match == Some(VersionMatch::Exact)).then_some(asked)))
    }

    /// Entries, each if the selectors want it: parsed only where somebody has to look into them, and converted all at
    /// once.
    async fn select(
        &self,
        resource: &Resource,
        entries: &[Entry],
        selectors: &Selectors,
    ) -> Result<Vec<Option<Representable>>, ApiError> {
        let (version, readable) =
            (resource.api_version(), selectors.is_empty() && !resource.defaults_on_read);
        let raw = |entry: &Entry| raw::with_revision(&entry.value, &version, entry.mod_revision);
        let raw: Vec<_> = entries.iter().map(|entry| raw(entry).filter(|_| readable)).collect();
        let parsed =
            entries.iter().zip(&raw).filter(|(_, raw)| raw.is_none()).map(|(entry, _)| entry.clone());
        let parsed: Vec<Entry> = parsed.collect();
        let mut parsed = self.decode_all(resource, &parsed).await?.into_iter();
        let selected = raw.into_iter().map(|raw| match raw {
            Some(bytes) => Some(Representable::Raw(bytes)),
            None => parsed.next().filter(|object| selectors.matches(object)).map(Representable::Value),
        });
        Ok(selected.collect())
    }
}

fn too_old(error: StoreError, options: &ListOptions) -> ApiError {
    match error {
        StoreError::Compacted { .. } if !options.continue_token.is_empty() => ApiError::expired(
            "The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.",
        )
        .continuing(&newest(&options.continue_token)),
        other => store_error(other),
    }
}

/// A token that goes on where the given one does, but at the newest revision.
fn newest(token: &str) -> String {
    Position::decode(token)
        .map(|position| Position { revision: None, ..position }.encode())
        .unwrap_or_default()
}
