//! Events of interfaces: they come, go, and change.

use std::io;

use futures_util::stream::BoxStream;
use futures_util::{FutureExt, StreamExt};
use rtnetlink::packet_core::NetlinkPayload;
use rtnetlink::proto::new_connection;
use rtnetlink::sys::{AsyncSocket as _, SocketAddr, protocols::NETLINK_ROUTE};

use super::Interface;
use super::link::{Connection, DELETED, Link, Message, NEW};
use super::list::interface;

/// `RTMGRP_LINK`.
const LINKS: u32 = 1;

/// Something happened to an interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// It is new, or something about it is.
    Changed(Interface),
    /// It is gone from this namespace.
    Deleted(Interface),
    /// The kernel had more to say than we were quick enough to hear, or what no one can read:
    /// list again.
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
    let (mut connection, _, messages) = new_connection::<Message>(NETLINK_ROUTE)?;
    let address = SocketAddr::new(0, LINKS);
    connection.socket_mut().socket_mut().bind(&address)?;
    let socket = Connection(tokio::spawn(connection).abort_handle());
    let events = messages.filter_map(|(message, _)| async move { event(message.payload) });
    Ok(Events {
        messages: events.boxed(),
        _socket: socket,
    })
}

fn event(payload: NetlinkPayload<Message>) -> Option<Event> {
    let message = match payload {
        NetlinkPayload::InnerMessage(message) => message,
        NetlinkPayload::Overrun(_) => return Some(Event::Lost),
        _ => return None,
    };
    let is_new = message.kind == NEW;
    if !is_new && message.kind != DELETED {
        return None;
    }
    Some(match Link::read(message.payload) {
        Some(link) if is_new => Event::Changed(interface(&link)),
        Some(link) => Event::Deleted(interface(&link)),
        None => Event::Lost,
    })
}
