//! The base: the generation that comes back unless what followed it is confirmed.
//!
//! Owns keeping it and coming back to it. Never decides when: that is the daemon's. The link `base`
//! among the pins says which it is, so a base outlives its process. Coming back compiles and
//! verifies nothing, so it does not fail for what made the operator want it: `docs/adr/0010`.

use crate::datapath::generation::manifest;

use crate::datapath::counters::predecessor::Predecessor;
use crate::datapath::error::Error;
use crate::datapath::generation;
use crate::datapath::handle::Datapath;
use crate::datapath::model::Described;
use crate::datapath::model::Generation;
use crate::datapath::pins::found::is_about_what_is_there;
use crate::datapath::pins::{Pins, exists};
use crate::fault::{self, Point};

impl Datapath {
    /// What [`Self::revert`] would put into force, if a base is kept.
    #[must_use]
    pub fn base(&self) -> Option<&Generation> {
        self.base.as_ref().map(|described| &described.generation)
    }

    /// Keeps the generation in force as the base, over commits and restarts. One that is kept
    /// already stays the base. To be called before the commit that may have to be taken back.
    ///
    /// # Errors
    /// [`Error::NoGeneration`] before the first commit, [`Error::Kernel`] if it cannot be pinned.
    pub fn keep_base(&mut self) -> Result<(), Error> {
        if self.base.is_some() {
            return Ok(());
        }
        let Some(in_force) = &self.in_force else {
            return Err(Error::NoGeneration {
                pins: self.pins.root().to_owned(),
            });
        };
        let number = in_force.generation.number;
        self.pins.set_base(number).map_err(|error| {
            Error::kernel(format!("keep generation {number} as the base"), &error)
        })?;
        self.base = Some(in_force.clone());
        fault::point(Point::BaseKept)?;
        Ok(())
    }

    /// Lets the base go: what is in force stays.
    ///
    /// # Errors
    /// [`Error::Kernel`] if its pins cannot be removed; there is no base any more all the same, and
    /// the next commit removes them.
    pub fn forget_base(&mut self) -> Result<(), Error> {
        self.base = None;
        fault::point(Point::BaseForgotten)?;
        self.pins.remove_base().map_err(|error| {
            let path = self.pins.base();
            Error::kernel(format!("remove {}", path.display()), &error)
        })?;
        self.sweep_generations()
    }

    /// Puts the base into force again, as a generation of its own, and lets it go. The programs
    /// are the ones that were in force before: nothing is compiled, loaded or verified.
    ///
    /// # Errors
    /// [`Error::NoBase`] where none is kept; [`Error::Kernel`] if its pins cannot be used, and what
    /// is in force stays.
    pub fn revert(&mut self) -> Result<Generation, Error> {
        let no_base = || Error::NoBase {
            pins: self.pins.root().to_owned(),
        };
        let base = self.base.clone().ok_or_else(no_base)?;
        if Some(base.generation.number) != self.number_in_force() {
            self.put_back(&base)?;
        }
        // What is left over now is tried again with the next commit: this one has succeeded.
        let _ = self.forget_base();
        Ok(self
            .in_force()
            .cloned()
            .unwrap_or_else(|| base.generation.clone()))
    }

    fn put_back(&mut self, base: &Described) -> Result<(), Error> {
        let before = Predecessor {
            last: self.last_number()?,
            in_force: self.in_force.as_ref(),
            base: Some(base),
        };
        let gone = before.gone(&base.rules);
        let retired = self.counters.retire_after_grace(&before)?;
        let number = before.last + 1;
        let (described, filter) = generation::pin_again(&self.pins, base, number, gone, retired)?;
        let committed = fault::point(Point::RevertReady)
            .map_err(Error::from)
            .and_then(|()| {
                let fd = filter.fd();
                fd.map_err(|error| Error::kernel("take the base's descriptor", &error))
            })
            .and_then(|fd| {
                let written = self.commit_slot.set(0, fd, 0);
                written.map_err(|error| Error::kernel("commit the base", &error))
            });
        if let Err(error) = committed {
            let _ = generation::remove(&self.pins, number);
            return Err(error);
        }
        self.in_force = Some(described);
        Ok(())
    }

    pub(in crate::datapath) fn base_number(&self) -> Option<u64> {
        self.base().map(|generation| generation.number)
    }
}

/// The base as a former process kept it. What cannot be used is none: the daemon then compiles what
/// is to come back.
///
/// # Errors
/// [`Error::Kernel`] where nobody could look at it: what is there stays, for a start that can.
pub(in crate::datapath) fn adopt(pins: &Pins) -> Result<Option<Described>, Error> {
    if !exists(&pins.base())? {
        return Ok(None);
    }
    let described = pins
        .base_number()?
        .map(|number| manifest::describe(&pins.generation(number)));
    match described {
        Some(Ok(described)) => return Ok(Some(described)),
        Some(Err(error)) if is_about_what_is_there(&error) => {
            tracing::warn!("the base cannot be used: {error}");
        }
        Some(Err(error)) => return Err(error),
        None => tracing::warn!("{}: leads to no generation", pins.base().display()),
    }
    let _ = pins.remove_base();
    Ok(None)
}
