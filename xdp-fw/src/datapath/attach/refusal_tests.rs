use super::*;
use crate::interfaces::Channels;

fn told(errno: i32, said: &str, driver: &str) -> String {
    let device = Device {
        driver: Some(driver.to_owned()),
        channels: Some(Channels {
            max_rx: 2,
            max_combined: 8,
            ..Channels::default()
        }),
        ..Device::default()
    };
    let refusal = Refusal {
        interface: "eth0",
        mode: AttachMode::Native,
        errno: Some(errno),
        chain: format!("os error {errno}"),
        said: (!said.is_empty()).then(|| said.to_owned()),
        device: &device,
    };
    refusal.into_error().to_string()
}

/// As drivers of several versions word it.
#[test]
fn what_drivers_say_comes_with_the_command_that_mends_it() {
    let told: Vec<String> = [
        (libc::EOPNOTSUPP, "Underlying driver does not support XDP in native mode", "tg3"),
        (libc::EOPNOTSUPP, "No native XDP support for the current bonding mode", "bonding"),
        (libc::ENOSPC, "veth: XDP expects number of rx queues not less than peer tx queues", "veth"),
        (libc::ERANGE, "veth: Peer MTU is too large to set XDP", "veth"),
        (libc::EINVAL, "virtio_net: MTU too large to enable XDP", "virtio_net"),
        (libc::EOPNOTSUPP, "virtio_net: Can't set XDP while host is implementing GRO_HW/CSUM, disable GRO_HW/CSUM first", "virtio_net"),
        (libc::EINVAL, "ena: Failed to set xdp program, the current MTU is larger than the maximum allowed MTU. Check the dmesg for more info", "ena"),
        (libc::EINVAL, "ena: Failed to set xdp program, there is no enough space for allocating XDP queues. Check the dmesg for more info", "ena"),
        (libc::EINVAL, "virtio_net: XDP expects header/data in single page, any_header_sg required", "virtio_net"),
        (libc::EOPNOTSUPP, "igc: Jumbo frames not supported", "igc"),
        (libc::EOPNOTSUPP, "hv_netvsc: XDP: not support LRO", "hv_netvsc"),
        (libc::EBUSY, "unable to install XDP to device using tcp-data-split", "bnxt_en"),
        (libc::EEXIST, "Cannot attach when an upper device already has a program", "mlx5_core"),
        (libc::EEXIST, "Native and generic XDP can't be active at the same time", "veth"),
    ]
    .into_iter()
    .map(|(errno, said, driver)| told(errno, said, driver))
    .collect();
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn without_words_the_error_number_and_the_state_say_what_helps() {
    let told: Vec<String> = [
        libc::EOPNOTSUPP,
        libc::EBUSY,
        libc::ENOSPC,
        libc::ERANGE,
        libc::EPERM,
        libc::ENODEV,
        libc::EIO,
    ]
    .into_iter()
    .map(|errno| told(errno, "", "mlx5_core"))
    .collect();
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn lro_is_the_first_suspect_where_it_is_on() {
    let device = Device {
        lro: true,
        ..Device::default()
    };
    let refusal = Refusal {
        interface: "eth0",
        mode: AttachMode::Native,
        errno: Some(libc::EINVAL),
        chain: "Invalid argument".to_owned(),
        said: None,
        device: &device,
    };
    assert!(refusal.remedy().contains("ethtool -K eth0 lro off"));
}

#[test]
fn an_attachment_without_descriptors_blames_no_driver() {
    let device = Device::default();
    let refusal = Refusal {
        interface: "eth0",
        mode: AttachMode::Native,
        errno: Some(libc::EMFILE),
        chain: "Too many open files".to_owned(),
        said: None,
        device: &device,
    };
    let error = refusal.into_error();
    assert!(matches!(error, Error::Attach { driver: false, .. }));
    assert_eq!(
        error.to_string(),
        "eth0: cannot attach: Too many open files; raise the service's LimitNOFILE"
    );
}

#[test]
fn a_command_quotes_the_interface_for_a_shell() {
    let device = Device::default();
    let refusal = Refusal {
        interface: r"a;b\xff",
        mode: AttachMode::Native,
        errno: Some(libc::EINVAL),
        chain: String::new(),
        said: Some("LRO is on".to_owned()),
        device: &device,
    };
    let remedy = refusal.remedy();
    assert!(
        remedy.contains(r"`ethtool -K $'a;b\377' lro off`"),
        "{remedy}"
    );
}
