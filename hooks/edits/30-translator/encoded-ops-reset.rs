        self.sites.clear();
        self.plain = false;
