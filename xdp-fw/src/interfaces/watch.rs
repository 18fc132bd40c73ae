//! Events of interfaces: they come, go, and change.

use std::io;

use futures_util::stream::BoxStream;
use futures_util::{FutureExt, StreamExt};
use rtnetlink::MulticastGroup;
use rtnetlink::packet_core::NetlinkPayload;
use rtnetlink::packet_route::RouteNetlinkMessage;

use super::Interface;
use super::list::{Connection, interface};

/// Something happened to an interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// It is new, or something about it is.
    Changed(Interface),
    /// It is gone from this namespace.
    Deleted(Interface),
    /// The kernel had more to say than we were quick enough to hear: list anew.
    Lost,
}

/// A stream of [`Event`]s; it ends only when the socket fails.
pub struct Events {
    messages: BoxStream<'static, Event>,
    _socket: Connection,
}

impl Events {
    /// The next event; `None` when the socket has failed.
    pub async fn next(&mut self) -> Option<Event> {
        self.messages.next().await
    }

    /// Passes over what has arrived already, for whoever looks at the whole after each event.
    pub fn skip_ready(&mut self) {
        while let Some(Some(_)) = self.messages.next().now_or_never() {}
    }
}

/// Subscribes to the events of this network namespace. What is listed after this call misses
/// nothing.
///
/// # Errors
/// When there is no netlink socket to be had.
pub fn watch() -> io::Result<Events> {
    let (connection, _, messages) = rtnetlink::new_multicast_connection(&[MulticastGroup::Link])?;
    let socket = Connection(tokio::spawn(connection).abort_handle());
    let events = messages.filter_map(|(message, _)| async move { event(message.payload) });
    Ok(Events {
        messages: events.boxed(),
        _socket: socket,
    })
}

fn event(payload: NetlinkPayload<RouteNetlinkMessage>) -> Option<Event> {
    match payload {
        NetlinkPayload::InnerMessage(RouteNetlinkMessage::NewLink(message)) => {
            Some(Event::Changed(interface(&message)))
        }
        NetlinkPayload::InnerMessage(RouteNetlinkMessage::DelLink(message)) => {
            Some(Event::Deleted(interface(&message)))
        }
        NetlinkPayload::Overrun(_) => Some(Event::Lost),
        _ => None,
    }
}
