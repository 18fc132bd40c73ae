//! What is done to interfaces: attach, change the mode, remove.
//!
//! Owns the order of attempts. Never decides what is to be done.

use tracing::{error, info, warn};

use crate::config::Mode;
use crate::datapath::{self, AttachMode, Hook};
use crate::interfaces::{self, Interface, XdpMode};

use crate::daemon::attach::plan::{Removal, Scene, foreign_programs};
use crate::daemon::datapath_thread::{Kernel, blocking};
use crate::daemon::refusal::{KernelError, chain};

/// What is there.
pub(in crate::daemon) async fn look(kernel: &mut Kernel) -> Result<Scene, KernelError> {
    let links = kernel.run(|datapath| datapath.links()).await??;
    let interfaces = interfaces::list().await?;
    let programs = foreign_programs(&interfaces, &links);
    let foreign = blocking(move || {
        let look = |(interface, program)| (interface, datapath::foreign(interface, program));
        programs.into_iter().map(look).collect()
    })
    .await?;
    Ok(Scene {
        interfaces,
        links,
        foreign,
    })
}

/// Removes a link. Should that fail, it is tried again with the next event.
pub(in crate::daemon) async fn remove(
    kernel: &mut Kernel,
    removal: Removal,
) -> Result<(), KernelError> {
    let (link, what) = match removal {
        Removal::Dead(link) => {
            let what = format!("link {}, whose interface is gone", link.number);
            (link, what)
        }
        Removal::NotConfigured { link, name } => (link, format!("{name}, no longer configured")),
    };
    match kernel.run(move |datapath| datapath.detach(&link)).await? {
        Ok(()) => info!("detached {what}"),
        Err(error) => error!("cannot detach {what}: {}", chain(&error)),
    }
    Ok(())
}

/// The inner result says what the kernel did not like.
pub(in crate::daemon) type Attempt = Result<Result<(), String>, KernelError>;

/// Attaches; `auto` tries the driver first. `all` is the listing that the interface is from.
pub(in crate::daemon) async fn attach(
    kernel: &mut Kernel,
    hook: Hook,
    interface: &Interface,
    mode: Mode,
    all: &[Interface],
) -> Attempt {
    let name = &interface.name;
    let result = match mode {
        Mode::Native => attach_as(kernel, hook, interface, AttachMode::Native)
            .await?
            .map_err(|error| error.advise(interfaces::advice(interface, all))),
        Mode::Generic => attach_as(kernel, hook, interface, AttachMode::Generic).await?,
        Mode::Auto => match attach_as(kernel, hook, interface, AttachMode::Native).await? {
            Ok(()) => Ok(()),
            Err(native) => {
                warn!("{}; trying generic", chain(&native));
                attach_as(kernel, hook, interface, AttachMode::Generic).await?
            }
        },
    };
    if result.is_ok() {
        info!("attached {name}");
    }
    Ok(result.map_err(|error| chain(&error)))
}

async fn attach_as(
    kernel: &mut Kernel,
    hook: Hook,
    interface: &Interface,
    mode: AttachMode,
) -> Result<Result<(), datapath::Error>, KernelError> {
    let (index, name) = (interface.index, interface.name.clone());
    kernel
        .run(move |datapath| datapath.attach(hook, index, &name, mode))
        .await
}

/// A link of ours that is in another mode than configured.
pub(in crate::daemon) struct Change<'a> {
    pub(in crate::daemon) interface: &'a Interface,
    pub(in crate::daemon) link: &'a datapath::Link,
    pub(in crate::daemon) now: XdpMode,
    pub(in crate::daemon) wanted: Mode,
}

impl Change<'_> {
    /// The kernel does not have both modes on an interface at once: there is a moment without a
    /// filter. Should the new mode fail, the old one is better than none.
    pub(in crate::daemon) async fn carry_out(
        self,
        kernel: &mut Kernel,
        all: &[Interface],
    ) -> Attempt {
        let Self { interface, now, .. } = self;
        let name = &interface.name;
        warn!("{name}: changing mode from {now}; for a moment it is not filtered");
        let (hook, link) = (self.link.hook, self.link.clone());
        if let Err(error) = kernel.run(move |datapath| datapath.detach(&link)).await? {
            return Ok(Err(chain(&error)));
        }
        let Err(error) = attach(kernel, hook, interface, self.wanted, all).await? else {
            return Ok(Ok(()));
        };
        let former = if now == XdpMode::Generic {
            Mode::Generic
        } else {
            Mode::Native
        };
        Ok(Err(
            match attach(kernel, hook, interface, former, all).await? {
                Ok(()) => format!("{error}; it stays {now}"),
                Err(again) => format!("{error}; and {now} mode cannot be restored: {again}"),
            },
        ))
    }
}
