//! The families of hostile programs that rules and the verdict name.

use crate::text::vocabulary;

vocabulary! {
    /// A family. In the order of its words, so that lists are.
    pub enum Family {
        /// Takes orders from afar.
        Backdoor = "backdoor",
        /// A miner in a page of the browser.
        Cryptojacker = "cryptojacker",
        /// Brings other programs.
        Dropper = "dropper",
        /// Takes what is private.
        Infostealer = "infostealer",
        /// Runs other code in its place.
        Loader = "loader",
        /// Computes for a currency.
        Miner = "miner",
        /// Encrypts files.
        Ransomware = "ransomware",
        /// Destroys files.
        Wiper = "wiper",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_are_ordered_as_their_words_are() {
        assert!(Family::ALL.iter().map(|family| family.as_str()).is_sorted());
    }
}
