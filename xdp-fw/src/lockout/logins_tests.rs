use std::fs;

use super::*;

fn logins(hosts: &[(u64, &str)]) -> Listing {
    let login = |&(since, host): &(u64, &str)| Login {
        since,
        host: Host::read(host).unwrap(),
    };
    Listing {
        logins: hosts.iter().map(login).collect(),
        unseen: Vec::new(),
    }
}

fn write(root: &Path, path: &str, bytes: &[u8]) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

#[test]
fn logind_is_believed_first_then_utmp_then_nobody() {
    let root = tempfile::tempdir().unwrap();
    let list = || {
        let read = read(root.path());
        assert_eq!(source(root.path()), read.0);
        read
    };
    assert_eq!(list(), (LoginSource::None, Listing::default()));
    write(root.path(), "run/utmp", b"");
    assert_eq!(list(), (LoginSource::Utmp, Listing::default()));
    // Nobody is logged in from afar, whatever utmp says.
    let local = b"REMOTE=0\nCLASS=user\n";
    write(root.path(), "run/systemd/sessions/1", local);
    assert_eq!(list(), (LoginSource::Logind, Listing::default()));
}

#[tokio::test]
async fn a_name_stands_for_its_addresses() {
    let listing = logins(&[(1, "localhost"), (2, "192.0.2.2")]);
    let found = resolved(LoginSource::Logind, listing).await;
    // Those of this host are no remote ones.
    assert_eq!(found.addresses, ["192.0.2.2".parse().unwrap()].into());
    assert_eq!(found.unseen, [""; 0]);
}

#[tokio::test]
async fn a_name_without_an_address_is_noted() {
    let listing = logins(&[(1, "nobody.invalid"), (2, "192.0.2.2")]);
    let found = resolved(LoginSource::Logind, listing).await;
    assert_eq!(found.addresses.len(), 1);
    assert_eq!(found.unseen.len(), 1, "{:?}", found.unseen);
    // Who may be behind the name is still logged in.
    assert!(!found.have_ended("192.0.2.9".parse().unwrap()));
}

#[tokio::test]
async fn of_many_addresses_the_oldest_logins_are_protected() {
    let flood = (0..1_000_u64).map(|number| Login {
        since: 1_000 + number,
        host: Host::Address(IpAddr::from([198, 51, 100, (number % 250) as u8])),
    });
    let mut listing = logins(&[(7, "192.0.2.2")]);
    listing.logins.splice(0..0, flood);
    let found = resolved(LoginSource::Utmp, listing).await;
    assert_eq!(found.addresses.len(), MOST_ADDRESSES);
    assert!(found.addresses.contains(&"192.0.2.2".parse().unwrap()));
    let told = "users are logged in from 251 addresses; the first 64 are protected";
    assert_eq!(found.unseen, [told]);
}
