//! A program that drops every packet unread. No filter can be faster.

use std::os::fd::OwnedFd;

use anyhow::Result;

use super::{Contestant, InForce, Installed, dropped_by_driver, timed};
use crate::flood::Flood;
use crate::generator::constant;
use crate::instructions::Action;
use crate::wire::Wire;

pub(super) struct Bare;

/// Its link, which is the only reference.
struct Attached(#[expect(dead_code, reason = "it holds the program")] OwnedFd);

impl Contestant for Bare {
    fn name(&self) -> &'static str {
        "bare XDP_DROP"
    }

    fn unable(&self, _flood: Flood) -> Option<&'static str> {
        None
    }

    fn is_peer(&self) -> bool {
        false
    }

    fn install(&self, _flood: Flood, wire: &Wire) -> Result<InForce> {
        timed(|| {
            let link = constant(Action::Drop, false)?.attach(wire.filtered)?;
            Ok(Attached(link))
        })
    }
}

impl Installed for Attached {
    fn dropped(&self) -> Result<u64> {
        dropped_by_driver()
    }
}
