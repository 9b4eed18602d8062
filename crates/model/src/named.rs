//! Values as parts of a state: known by what they say.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::sync::Arc;

/// A value that is equal to another when both say the same, as the ETag of a document tells it.
#[derive(Clone)]
pub(crate) struct Named<T> {
    value: Arc<T>,
    text: Arc<str>,
}

impl<T: fmt::Debug> Named<T> {
    pub(crate) fn new(value: T) -> Self {
        let text = format!("{value:?}").into();
        Self { value: Arc::new(value), text }
    }
}

impl<T> Deref for Named<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> PartialEq for Named<T> {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl<T> Eq for Named<T> {}

impl<T> Hash for Named<T> {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.text.hash(hasher);
    }
}

impl<T> fmt::Debug for Named<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
