//! What an indicator names, and where it was seen.

use crate::text::vocabulary;

vocabulary! {
    /// What an indicator names. In the order of its words, so that lists are.
    pub enum IocKind {
        /// A command line.
        Command = "command",
        /// A key, a token, a private key.
        Credential = "credential",
        /// A domain with a port.
        Domain = "domain",
        /// A mail address.
        Email = "email",
        /// A file of another format.
        EmbeddedFile = "embedded_file",
        /// An address of version 4.
        Ipv4 = "ipv4",
        /// An address of version 6.
        Ipv6 = "ipv6",
        /// A hidden service of Tor.
        Onion = "onion",
        /// A path that tells of an intent, or of a file that the sample left.
        Path = "path",
        /// What miners say to their pools.
        PoolProtocol = "pool_protocol",
        /// The hash of a file that the sample left.
        Sha256 = "sha256",
        /// A link.
        Url = "url",
        /// The address of a wallet.
        Wallet = "wallet",
        /// A hook of a chat service.
        Webhook = "webhook",
    }
}

vocabulary! {
    /// Where an indicator was seen.
    #[derive(Default)]
    pub enum Seen {
        /// In a data segment.
        #[default]
        Data = "data",
        /// In a custom section.
        CustomSection = "custom section",
        /// In the name of an import.
        ImportName = "import name",
        /// In the name of an export.
        ExportName = "export name",
        /// The sample made it while it ran, and gave it to the host or left it, and it stands nowhere in the
        /// file.
        Run = "run",
    }
}

vocabulary! {
    /// What is odd about a file.
    pub enum AnomalyKind {
        /// The file does not begin as a module does.
        BadHeader = "bad_header",
        /// Two sections disagree about how many functions or segments there are.
        CountMismatch = "count_mismatch",
        /// A second section of its kind.
        DuplicateSection = "duplicate_section",
        /// A section without contents.
        EmptySection = "empty_section",
        /// A function that takes too much to be validated.
        HeavyFunction = "heavy_function",
        /// A section whose bytes are as good as random.
        HighEntropySection = "high_entropy_section",
        /// A section that cannot be read to its end.
        MalformedSection = "malformed_section",
        /// There are more than are listed.
        MoreAnomalies = "more_anomalies",
        /// A section that comes too late.
        OutOfOrderSection = "out_of_order_section",
        /// A custom section that takes most of the file.
        OversizedCustomSection = "oversized_custom_section",
        /// A number written in more bytes than it needs.
        PaddedLeb = "padded_leb",
        /// Something stands behind the last section.
        TrailingBytes = "trailing_bytes",
        /// A section that goes on beyond the file.
        TruncatedSection = "truncated_section",
        /// A section of a number that no specification knows.
        UnknownSection = "unknown_section",
        /// A custom section that no toolchain writes.
        UnusualCustomSection = "unusual_custom_section",
    }
}

vocabulary! {
    /// What a module of a component is there for.
    pub enum PartRole {
        /// It is the program: what runs, and what the rest of the view is about.
        Program = "program",
        /// It does part of the program's work and runs with it, as one module.
        Linked = "linked",
        /// Its functions only jump to others, or it only fills the tables by which they do.
        Link = "link",
        /// It is instantiated and does something of its own, and does not run.
        NotRun = "not_run",
        /// It is not instantiated.
        Unused = "unused",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_ordered_as_their_words_are() {
        assert!(IocKind::ALL.iter().map(|kind| kind.as_str()).is_sorted());
        assert!(AnomalyKind::ALL.iter().map(|kind| kind.as_str()).is_sorted());
    }
}
