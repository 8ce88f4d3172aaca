    /// Whether the engine records.
    pub(crate) fn records(&self) -> bool {
        self.ops.record
    }

    pub(crate) fn sites(&mut self) -> &mut crate::recorder::sites::Pending {
        &mut self.ops.sites
    }

    /// Whether the label is behind: a branch to it closes a loop.
    pub(crate) fn is_label_pinned(&self, lref: LabelRef) -> bool {
        self.labels.is_pinned(lref)
    }

    /// Makes the next operator one that does not record.
    pub(crate) fn next_is_plain(&mut self) {
        self.ops.plain = self.ops.record;
    }

    /// Encodes a poll if the code was straight for long. Only between operators.
    fn poll_if_due(&mut self) -> Result<(), Error> {
        if self.ops.record && self.ops.sites.is_poll_due() {
            Op::consume_fuel(BlockFuel::from(1)).encode(&mut self.ops)?;
            _ = self.ops.take_reporting_pos();
            self.pad_to_op_alignment()?;
        }
        Ok(())
    }
