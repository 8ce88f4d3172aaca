//! The words of an identifier.

use super::limits::IDENTIFIER;

/// The words of an identifier in lower case. It is split at what is no letter or digit, and where an
/// upper-case letter follows a lower-case one.
pub(super) fn words_of(name: &str) -> impl Iterator<Item = String> {
    let mut words = vec![String::new()];
    let mut before_lower = false;
    for letter in name.chars().take(IDENTIFIER) {
        if !letter.is_alphanumeric() || (before_lower && letter.is_uppercase()) {
            words.push(String::new());
        }
        if letter.is_alphanumeric()
            && let Some(word) = words.last_mut()
        {
            word.extend(letter.to_lowercase());
        }
        before_lower = letter.is_lowercase();
    }
    words.into_iter().filter(|word| !word.is_empty())
}
