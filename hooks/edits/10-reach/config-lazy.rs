        if self.record {
            return CompilationMode::LazyTranslation;
        }
