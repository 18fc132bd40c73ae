//! What is known of drivers that their messages leave out.

/// Largest MTU in bytes at which a driver takes a program that knows single buffers only, as
/// ours is before Linux 5.18. `None` for a driver that is not known.
///
/// The drivers' own sources have these numbers, for pages of 4 KiB.
#[must_use]
pub fn mtu_limit(driver: &str) -> Option<u32> {
    Some(match driver {
        "ena" | "mlx5_core" => 3_498,
        "virtio_net" => 3_506,
        "ixgbe" | "ixgbevf" => 3_050,
        "gve" => 2_032,
        _ => return None,
    })
}

/// Whether a driver sends what programs bounce from queues of its own, and takes a program only
/// while at most half of its channels are in use.
#[must_use]
pub fn wants_queues_of_its_own(driver: &str) -> bool {
    matches!(driver, "ena" | "gve")
}
