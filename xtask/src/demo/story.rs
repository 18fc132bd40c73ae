//! The scenes of the demo in order. Each shows an action, the expected result and the result.

use std::{
    fs,
    net::{IpAddr, SocketAddr},
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};

use super::{
    interrupt,
    stage::Stage,
    traffic::{Attempt, Servers, first_echo},
};

const V4: &str = "192.0.2.1";
const V6: &str = "2001:db8::1";

/// Plays all scenes; fails if one does not end as expected.
pub(super) fn play(daemon: &Path, configuration: &Path) -> Result<()> {
    let mut story = Story {
        scene: 0,
        surprises: 0,
    };

    story.scene("Two hosts on a link, each a network namespace of its own");
    let mut stage = Stage::build(daemon, configuration)?;
    let servers = Servers::start(&stage.edge, &[22, 23], &[53, 123])?;
    println!("   edge    192.0.2.1   2001:db8::1    TCP 22, 23 and UDP 53, 123 answer");
    println!("   client  192.0.2.10  2001:db8::10   on its other end");

    story.scene("Before xdp-fw starts, everything is answered");
    story.try_all(&stage, |_| true)?;

    story.scene("Start `xdp-fw run` on edge; the rules are those of config/demo.toml");
    stage.start()?;
    run(&stage, "status", &[])?;

    story.scene("The same again: telnet and NTP are dropped, the rest is answered");
    story.try_all(&stage, |port| !matches!(port, 23 | 123))?;

    story.scene("`xdp-fw stats` shows what each rule has matched");
    run(&stage, "stats", &[])?;

    story.scene("Edit the file while traffic runs: NTP shall pass");
    story.edit(&stage)?;

    story.scene("kill -9 the daemon: the filter stays in force, telnet is still dropped");
    let before = story.count(&stage, "no-telnet")?;
    println!("   killed pid {}", stage.kill()?);
    story.try_all(&stage, |port| port != 23)?;

    story.scene("Start it again: it adopts the filter, and the counters went on");
    stage.start()?;
    let after = story.count(&stage, "no-telnet")?;
    println!("   rule no-telnet had counted {before} packets before the kill");
    story.report(
        &format!("now {after}"),
        "more",
        if after > before { "more" } else { "not more" },
    );
    run(&stage, "stats", &[])?;

    story.scene("Clean up: unload the filter, remove the namespaces");
    drop(servers);
    drop(stage);
    story.end()
}

struct Story {
    scene: u32,
    surprises: u32,
}

impl Story {
    fn scene(&mut self, title: &str) {
        self.scene += 1;
        println!("\n{}. {title}", self.scene);
    }

    /// Prints a line: the action, the expected result and the result.
    fn report(&mut self, done: &str, expected: &str, happened: &str) {
        let mark = if expected == happened {
            "ok"
        } else {
            "NOT AS EXPECTED"
        };
        if expected != happened {
            self.surprises += 1;
        }
        println!("   {done:<24} expected: {expected:<10} happened: {happened:<10} {mark}");
    }

    /// Tries every kind of traffic over both families; `passes` returns by port (0: ping) what
    /// passes.
    fn try_all(&mut self, stage: &Stage, passes: impl Fn(u16) -> bool) -> Result<()> {
        for address in [V4, V6] {
            let address: IpAddr = address.parse()?;
            let at = |port| SocketAddr::new(address, port);
            for (attempt, port) in [
                (Attempt::Ping(address), 0),
                (Attempt::Tcp(at(22)), 22),
                (Attempt::Tcp(at(23)), 23),
                (Attempt::Udp(at(53)), 53),
                (Attempt::Udp(at(123)), 123),
            ] {
                interrupt::check()?;
                let say = |answered| if answered { "answer" } else { "silence" };
                let answered = attempt.answered(&stage.client)?;
                self.report(&attempt.to_string(), say(passes(port)), say(answered));
            }
        }
        Ok(())
    }

    /// Writes the file in place, as an editor does, so that NTP passes; traffic runs meanwhile.
    fn edit(&mut self, stage: &Stage) -> Result<()> {
        let path = stage.configuration();
        let text = fs::read_to_string(&path).context("cannot read the configuration")?;
        let edited = text.replace(
            "name = \"no-ntp\"\naction = \"drop\"",
            "name = \"no-ntp\"\naction = \"pass\"",
        );
        if edited == text {
            bail!("config/demo.toml has no rule `no-ntp` that drops");
        }
        fs::write(&path, edited).context("cannot write the configuration")?;
        let start = Instant::now();
        let server = SocketAddr::new(V4.parse()?, 123);
        let echo = first_echo(&stage.client, server, start, Duration::from_secs(5))?;
        let happened = if echo.is_some() { "answer" } else { "silence" };
        self.report(&Attempt::Udp(server).to_string(), "answer", happened);
        if let Some((time, sent)) = echo {
            let milliseconds = time.as_millis();
            println!(
                "   the first answer came {milliseconds} ms after the file was written, to datagram {sent}"
            );
        }
        Ok(())
    }

    /// The packets that a rule has counted, from `xdp-fw stats --json`.
    fn count(&self, stage: &Stage, rule: &str) -> Result<u64> {
        interrupt::check()?;
        let output = stage
            .xdp_fw("stats")?
            .arg("--json")
            .output()
            .context("cannot run stats")?;
        let stats: serde_json::Value = serde_json::from_slice(&output.stdout)
            .with_context(|| String::from_utf8_lossy(&output.stderr).into_owned())?;
        stats
            .pointer("/rules")
            .and_then(|rules| rules.as_array())
            .and_then(|rules| {
                rules
                    .iter()
                    .find(|it| it.pointer("/name").is_some_and(|name| name == rule))
            })
            .and_then(|it| it.pointer("/packets")?.as_u64())
            .with_context(|| format!("`xdp-fw stats --json` does not know rule {rule}"))
    }

    fn end(&self) -> Result<()> {
        match self.surprises {
            0 => {
                println!("\nAll as expected.");
                Ok(())
            }
            n => bail!("{n} things did not happen as expected; see the lines marked above"),
        }
    }
}

/// Shows a command and what it prints.
fn run(stage: &Stage, verb: &str, arguments: &[&str]) -> Result<()> {
    interrupt::check()?;
    let output = stage
        .xdp_fw(verb)?
        .args(arguments)
        .output()
        .with_context(|| format!("cannot run xdp-fw {verb}"))?;
    println!("   $ xdp-fw {verb}");
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        println!("   {line}");
    }
    if !output.status.success() {
        bail!(
            "xdp-fw {verb} failed: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(())
}
