//! By which filtered interfaces the frames for a device come in, and with which tags.
//!
//! Owns the way down from a VLAN device, a bridge or a bond to what is filtered. A pure function.

use std::collections::BTreeSet;

use super::devices::{Below, Device, Tag};

/// Deepest stack of devices that is walked; the kernel allows eight.
const DEEPEST: usize = 8;

/// A place where a frame meets the filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ingress<'a> {
    /// The interface.
    pub(super) device: &'a Device,
    /// The tags that the frame has there, outermost first.
    pub(super) tags: Vec<Tag>,
}

/// Where frames for the device of index `device` meet a filter, from the top down. Of a bridge or
/// a bond, the frame may come in by any member. None where nothing below is filtered.
pub(super) fn ingress<'a>(
    devices: &'a [Device],
    device: u32,
    filtered: &BTreeSet<u32>,
) -> Vec<Ingress<'a>> {
    let mut found = Vec::new();
    let walk = Walk { devices, filtered };
    walk.down(device, Vec::new(), 0, &mut found);
    found
}

struct Walk<'a, 'f> {
    devices: &'a [Device],
    filtered: &'f BTreeSet<u32>,
}

impl<'a> Walk<'a, '_> {
    fn down(&self, index: u32, tags: Vec<Tag>, depth: usize, found: &mut Vec<Ingress<'a>>) {
        let device = self.devices.iter().find(|device| device.index == index);
        let Some(device) = device.filter(|_| depth <= DEEPEST) else {
            return;
        };
        if self.filtered.contains(&index) {
            let tags = tags.clone();
            found.push(Ingress { device, tags });
        }
        match device.below {
            Below::Nothing => {}
            Below::Vlan { lower, tag } => {
                let tags = std::iter::once(tag).chain(tags).collect();
                self.down(lower, tags, depth + 1, found);
            }
            Below::Shared { lower } => self.down(lower, tags, depth + 1, found),
            Below::Members => {
                let members = self.devices.iter().filter(|it| it.master == Some(index));
                for member in members {
                    self.down(member.index, tags.clone(), depth + 1, found);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device(index: u32, below: Below, master: Option<u32>) -> Device {
        Device {
            index,
            name: crate::names::InterfaceName::from_text(&format!("d{index}")),
            mac: None,
            mtu: 1500,
            master,
            below,
        }
    }

    fn tag(id: u16) -> Tag {
        let ether_type = 0x8100;
        Tag { ether_type, id }
    }

    fn vlan(lower: u32, id: u16) -> Below {
        Below::Vlan {
            lower,
            tag: tag(id),
        }
    }

    fn places(devices: &[Device], from: u32, filtered: &[u32]) -> Vec<(u32, Vec<u16>)> {
        let filtered = filtered.iter().copied().collect();
        let found = ingress(devices, from, &filtered);
        let id = |tags: &[Tag]| tags.iter().map(|tag| tag.id).collect();
        let places = found.iter().map(|it| (it.device.index, id(&it.tags)));
        places.collect()
    }

    #[test]
    fn a_filtered_interface_sees_its_own_frames_as_they_are() {
        let devices = [device(2, Below::Nothing, None)];
        assert_eq!(places(&devices, 2, &[2]), [(2, vec![])]);
        assert_eq!(places(&devices, 2, &[]), []);
        assert_eq!(places(&devices, 9, &[9]), []);
    }

    #[test]
    fn below_a_vlan_device_frames_have_its_tag() {
        let devices = [
            device(2, Below::Nothing, None),
            device(3, vlan(2, 100), None),
        ];
        assert_eq!(places(&devices, 3, &[2]), [(2, vec![100])]);
        assert_eq!(places(&devices, 3, &[2, 3]), [(3, vec![]), (2, vec![100])]);
    }

    #[test]
    fn the_tag_of_the_lower_vlan_device_is_the_outer_one() {
        let devices = [
            device(2, Below::Nothing, None),
            device(3, vlan(2, 100), None),
            device(4, vlan(3, 7), None),
        ];
        assert_eq!(places(&devices, 4, &[2]), [(2, vec![100, 7])]);
    }

    #[test]
    fn a_frame_for_a_bond_may_come_in_by_any_member() {
        let devices = [
            device(2, Below::Nothing, Some(5)),
            device(3, Below::Nothing, Some(5)),
            device(4, Below::Nothing, None),
            device(5, Below::Members, None),
            device(6, vlan(5, 100), None),
        ];
        let both = [(2, vec![100]), (3, vec![100])];
        assert_eq!(places(&devices, 6, &[2, 3, 4]), both);
    }

    #[test]
    fn devices_in_a_circle_end_the_walk() {
        let devices = [
            device(2, Below::Shared { lower: 3 }, None),
            device(3, Below::Shared { lower: 2 }, None),
        ];
        assert!(places(&devices, 2, &[3]).len() <= DEEPEST);
    }
}
