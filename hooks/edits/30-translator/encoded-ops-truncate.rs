        self.sites.truncate(new_len);
