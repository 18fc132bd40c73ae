//! Whether the lock-out guard decides.

/// Whether the lock-out guard decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::daemon) enum GuardMode {
    /// It is not asked: the configuration was active before.
    Off,
    /// It decides, as far as the configuration wants it.
    On,
    /// It is asked, and overridden.
    Forced,
    /// The same for a configuration that was active before and is wanted back.
    Back,
}

impl GuardMode {
    /// Whether the configuration was active before: then it is not refused for what it does.
    pub(in crate::daemon) fn was_active(self) -> bool {
        matches!(self, Self::Off | Self::Back)
    }

    /// What `--force` or its absence means.
    pub(in crate::daemon) fn unless(forced: bool) -> Self {
        if forced { Self::Forced } else { Self::On }
    }
}
