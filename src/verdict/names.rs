//! The names of findings and correlations. `rules/verdict.toml` weighs them by these, and what it misspells
//! is an error.

use crate::{module::view::IocKind, text::vocabulary};

vocabulary! {
    /// What a finding notes. In the order of its words, so that lists are.
    pub enum FindingName {
        /// One host function called again and again.
        ApiHammering = "API_HAMMERING",
        /// Its host calls look like those of hostile programs.
        CallsLikeHostile = "CALLS_LIKE_HOSTILE",
        /// The clock was read often.
        ClockReads = "CLOCK_READS",
        /// Constants of cryptographic algorithms.
        CryptoConstants = "CRYPTO_CONSTANTS",
        /// Custom sections that no toolchain writes.
        CustomSection = "CUSTOM_SECTION",
        /// Functions that nothing can call.
        DeadCode = "DEAD_CODE",
        /// Of these, none ran.
        DeadCodeConfirmed = "DEAD_CODE_CONFIRMED",
        /// Many element segments.
        ElementSegments = "ELEMENT_SEGMENTS",
        /// Strings behind an encoding.
        EncodedString = "ENCODED_STRING",
        /// Data as good as random.
        EntropyData = "ENTROPY_DATA",
        /// Sections as good as random.
        EntropySection = "ENTROPY_SECTION",
        /// It looked around and left.
        ExitWithoutWork = "EXIT_WITHOUT_WORK",
        /// Exports whose names speak of an intent.
        ExportName = "EXPORT_NAME",
        /// Host calls that were answered by invention.
        FabricatedAnswers = "FABRICATED_ANSWERS",
        /// Files were changed.
        FilesChanged = "FILES_CHANGED",
        /// Files were created.
        FilesCreated = "FILES_CREATED",
        /// Many files were deleted.
        FilesDeleted = "FILES_DELETED",
        /// A few files were deleted.
        FilesDeletedFew = "FILES_DELETED_FEW",
        /// Files look encrypted after the run.
        FilesEncrypted = "FILES_ENCRYPTED",
        /// Files were renamed.
        FilesRenamed = "FILES_RENAMED",
        /// It is no valid module.
        FormatInvalid = "FORMAT_INVALID",
        /// It needs what the engine lacks.
        FormatUnsupported = "FORMAT_UNSUPPORTED",
        /// Calls that the static call graph lacks.
        HiddenCallPaths = "HIDDEN_CALL_PATHS",
        /// An indicator that someone took the trouble to hide.
        HiddenIndicator = "HIDDEN_INDICATOR",
        /// Functions with many paths.
        HighCyclomatic = "HIGH_CYCLOMATIC",
        /// A function that calls many others.
        HighFanoutState = "HIGH_FANOUT_STATE",
        /// Functions of great size.
        HugeFunction = "HUGE_FUNCTION",
        /// Imports for evasion.
        ImportsEvasion = "IMPORTS_EVASION",
        /// Imports that start programs.
        ImportsExec = "IMPORTS_EXEC",
        /// Imports that read what is private.
        ImportsExfiltration = "IMPORTS_EXFILTRATION",
        /// Imports for files.
        ImportsFiles = "IMPORTS_FILES",
        /// Imports for memory.
        ImportsMemory = "IMPORTS_MEMORY",
        /// Imports for mining.
        ImportsMining = "IMPORTS_MINING",
        /// Imports for the network.
        ImportsNetwork = "IMPORTS_NETWORK",
        /// Imports that speak of ransom.
        ImportsRansomware = "IMPORTS_RANSOMWARE",
        /// Indicators of the kind `command`.
        IocCommand = "IOC_COMMAND",
        /// Indicators of the kind `credential`.
        IocCredential = "IOC_CREDENTIAL",
        /// Indicators of the kind `domain`.
        IocDomain = "IOC_DOMAIN",
        /// Indicators of the kind `email`.
        IocEmail = "IOC_EMAIL",
        /// Indicators of the kind `embedded_file`.
        IocEmbeddedFile = "IOC_EMBEDDED_FILE",
        /// Indicators of the kind `ipv4`.
        IocIpv4 = "IOC_IPV4",
        /// Indicators of the kind `ipv6`.
        IocIpv6 = "IOC_IPV6",
        /// Indicators of the kind `onion`.
        IocOnion = "IOC_ONION",
        /// Indicators of the kind `path`.
        IocPath = "IOC_PATH",
        /// Indicators of the kind `pool_protocol`.
        IocPoolProtocol = "IOC_POOL_PROTOCOL",
        /// Indicators of the kind `sha256`.
        IocSha256 = "IOC_SHA256",
        /// Indicators of the kind `url`.
        IocUrl = "IOC_URL",
        /// Indicators of the kind `wallet`.
        IocWallet = "IOC_WALLET",
        /// Indicators of the kind `webhook`.
        IocWebhook = "IOC_WEBHOOK",
        /// It slept for long.
        LongSleep = "LONG_SLEEP",
        /// Little of the code ran.
        LowCoverage = "LOW_COVERAGE",
        /// Growth was refused often.
        MemoryExhaustion = "MEMORY_EXHAUSTION",
        /// A large memory from the start.
        MemoryInitial = "MEMORY_INITIAL",
        /// A memory that may become as large as there is.
        MemoryMaximum = "MEMORY_MAXIMUM",
        /// It built modules in memory.
        ModuleBuilt = "MODULE_BUILT",
        /// Long runs of `nop`.
        NopSled = "NOP_SLED",
        /// Calls that happen next to never.
        RareTransition = "RARE_TRANSITION",
        /// The start function ran.
        RuntimeAutorun = "RUNTIME_AUTORUN",
        /// Indirect calls were executed.
        RuntimeIndirect = "RUNTIME_INDIRECT",
        /// Memory grew often.
        RuntimeMemory = "RUNTIME_MEMORY",
        /// It ended at an `unreachable`.
        RuntimeUnreachable = "RUNTIME_UNREACHABLE",
        /// Many instructions were executed.
        RuntimeVolume = "RUNTIME_VOLUME",
        /// Many xor were executed.
        RuntimeXor = "RUNTIME_XOR",
        /// Something odd about the sections that toolchains do not write.
        SectionAnomaly = "SECTION_ANOMALY",
        /// Something odd about the sections that some toolchains write.
        SectionNote = "SECTION_NOTE",
        /// It slept.
        Sleeps = "SLEEPS",
        /// An entry point was stopped in a loop without host calls.
        Stalled = "STALLED",
        /// It has a start function.
        StartFunction = "START_FUNCTION",
        /// Functions that could not be decoded.
        UndecodedFunction = "UNDECODED_FUNCTION",
        /// Functions ran that nothing can call.
        UnexpectedFunctions = "UNEXPECTED_FUNCTIONS",
        /// Code that no path leads to.
        UnreachableCode = "UNREACHABLE_CODE",
        /// Functions with many xor.
        XorHeavy = "XOR_HEAVY",
    }
}

vocabulary! {
    /// What a correlation confirms. In the order of its words, so that lists are.
    pub enum CorrelationName {
        /// Calls went through a table that the program changed.
        CallsThroughChangedTable = "CALLS_THROUGH_CHANGED_TABLE",
        /// It built a module in memory and gave it to the host.
        CarvedModule = "CARVED_MODULE",
        /// The start function ran.
        ConfirmedAutorun = "CONFIRMED_AUTORUN",
        /// The indirect calls in the code were executed.
        ConfirmedIndirectCalls = "CONFIRMED_INDIRECT_CALLS",
        /// The xor in the code were executed.
        ConfirmedXor = "CONFIRMED_XOR",
        /// A constant of an algorithm stands in a loop that ran long.
        CryptoConstantInHotLoop = "CRYPTO_CONSTANT_IN_HOT_LOOP",
        /// Suspicious code that nothing can call did not run.
        DeadCodeConfirmedSuspicious = "DEAD_CODE_CONFIRMED_SUSPICIOUS",
        /// A string that the file hides reached the host.
        DecodedStringPassedToHost = "DECODED_STRING_PASSED_TO_HOST",
        /// Strings of a family, and its behaviour.
        FamilyStringsConfirmed = "FAMILY_STRINGS_CONFIRMED",
        /// As much as was read went out in an alphabet of its own.
        FileReadThenRecoded = "FILE_READ_THEN_RECODED",
        /// What was read was sent.
        FileReadThenSent = "FILE_READ_THEN_SENT",
        /// An indicator of the file reached the host.
        IocPassedToHost = "IOC_PASSED_TO_HOST",
        /// A rule of mining, and its kind of code ran.
        MiningBehaviorConfirmed = "MINING_BEHAVIOR_CONFIRMED",
        /// The functions that look like a miner did the work.
        MiningLoadConfirmed = "MINING_LOAD_CONFIRMED",
        /// A rule of obfuscation, and calls through a table.
        ObfuscationConfirmed = "OBFUSCATION_CONFIRMED",
        /// The function that looks busiest was.
        PredictedHotFunction = "PREDICTED_HOT_FUNCTION",
        /// A rule of ransomware, and memory grew.
        RansomwareMemoryConfirmed = "RANSOMWARE_MEMORY_CONFIRMED",
        /// The clock was read before and behind a loop.
        TimeCheckAroundLoop = "TIME_CHECK_AROUND_LOOP",
    }
}

vocabulary! {
    /// What an import lets a sample do. In the order of its words, so that lists are.
    pub(super) enum ImportUse {
        /// Waits and looks for a debugger.
        Evasion = "evasion",
        /// Starts programs and scripts.
        Exec = "exec",
        /// Reads what is private.
        Exfiltration = "exfiltration",
        /// Works on files.
        Files = "files",
        /// Maps and allocates memory.
        Memory = "memory",
        /// Mines.
        Mining = "mining",
        /// Talks to the network.
        Network = "network",
        /// Speaks of ransom.
        Ransomware = "ransomware",
    }
}

impl FindingName {
    /// That indicators of a kind were found.
    pub(super) fn of_ioc(kind: IocKind) -> Self {
        match kind {
            IocKind::Command => Self::IocCommand,
            IocKind::Credential => Self::IocCredential,
            IocKind::Domain => Self::IocDomain,
            IocKind::Email => Self::IocEmail,
            IocKind::EmbeddedFile => Self::IocEmbeddedFile,
            IocKind::Ipv4 => Self::IocIpv4,
            IocKind::Ipv6 => Self::IocIpv6,
            IocKind::Onion => Self::IocOnion,
            IocKind::Path => Self::IocPath,
            IocKind::PoolProtocol => Self::IocPoolProtocol,
            IocKind::Sha256 => Self::IocSha256,
            IocKind::Url => Self::IocUrl,
            IocKind::Wallet => Self::IocWallet,
            IocKind::Webhook => Self::IocWebhook,
        }
    }

    /// That imports of a use were found.
    pub(super) fn of_imports(of: ImportUse) -> Self {
        match of {
            ImportUse::Evasion => Self::ImportsEvasion,
            ImportUse::Exec => Self::ImportsExec,
            ImportUse::Exfiltration => Self::ImportsExfiltration,
            ImportUse::Files => Self::ImportsFiles,
            ImportUse::Memory => Self::ImportsMemory,
            ImportUse::Mining => Self::ImportsMining,
            ImportUse::Network => Self::ImportsNetwork,
            ImportUse::Ransomware => Self::ImportsRansomware,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_ordered_as_their_words_are() {
        assert!(FindingName::ALL.iter().map(|name| name.as_str()).is_sorted());
        assert!(CorrelationName::ALL.iter().map(|name| name.as_str()).is_sorted());
        assert!(ImportUse::ALL.iter().map(|of| of.as_str()).is_sorted());
    }

    #[test]
    fn each_kind_has_a_finding_of_its_name() {
        for kind in IocKind::ALL {
            assert_eq!(FindingName::of_ioc(*kind).as_str(), format!("IOC_{}", kind.as_str().to_uppercase()));
        }
        for of in ImportUse::ALL {
            let name = FindingName::of_imports(*of);
            assert_eq!(name.as_str(), format!("IMPORTS_{}", of.as_str().to_uppercase()));
        }
    }
}
