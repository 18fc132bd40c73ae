//! The shapes that the tables of one configuration can have: small policies get one of them by
//! themselves, large ones the others, and all must decide alike.
//!
//! Owns which shapes there are, and the kernel loaded with each. Decides nothing itself.

use xdp_fw::config::Config;
use xdp_fw::policy::{Leaves, Policy, Tables, compile_with};
use xdp_fw_common::Dimension;

use crate::compiled::{Compiled, Said};
use crate::kernel::Kernel;

/// How the tables of a configuration are built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TableShape {
    /// As the product builds them.
    AsCompiled,
    /// All prefixes in the nodes of tries, and rows of many words, however few rules there are.
    Nodes,
    /// As many prefixes in hashes as there can be.
    Hashes,
}

/// Makes three tests of each function, one for each shape: `name::as_compiled`, `name::nodes` and
/// `name::hashes`.
#[macro_export]
macro_rules! in_every_shape {
    ($($name:ident,)+) => { $(
        mod $name {
            use $crate::shapes::TableShape;

            #[test]
            fn as_compiled() {
                super::$name(TableShape::AsCompiled);
            }

            #[test]
            fn nodes() {
                super::$name(TableShape::Nodes);
            }

            #[test]
            fn hashes() {
                super::$name(TableShape::Hashes);
            }
        }
    )+ };
}

impl TableShape {
    /// All there are.
    pub const ALL: [Self; 3] = [Self::AsCompiled, Self::Nodes, Self::Hashes];

    /// Compiles a configuration for these interfaces.
    ///
    /// # Panics
    /// Where the configuration does not compile.
    #[must_use]
    pub fn compile(self, config: &Config, interfaces: &[(u32, String)]) -> Tables {
        let policy = Policy::from_config(config);
        let tables = compile_with(&policy, interfaces, self.leaves());
        let mut tables = tables.expect("the configuration compiles");
        if self == Self::Nodes {
            tables.settings.single_word = 0;
        }
        tables
    }

    fn leaves(self) -> Leaves {
        let all = |lengths| Leaves {
            v4: lengths,
            v6: lengths,
        };
        match self {
            Self::AsCompiled => Leaves::default(),
            Self::Nodes => all(0),
            Self::Hashes => all(usize::MAX),
        }
    }
}

/// A configuration in the kernel, once for each shape that its tables have. All must say the same.
pub struct EveryShape(Vec<Kernel>);

impl EveryShape {
    /// Compiles and loads a configuration in each shape. Two shapes are one where the configuration
    /// has nothing that they build differently.
    #[must_use]
    pub fn load(config: &Config) -> Self {
        let mut all: Vec<Compiled> = Vec::new();
        for shape in TableShape::ALL {
            let compiled = Compiled::shaped(config, shape);
            if !all.iter().any(|it| is_same(&it.tables, &compiled.tables)) {
                all.push(compiled);
            }
        }
        Self(all.into_iter().map(|it| Kernel::of(it.into())).collect())
    }

    /// As [`Kernel::judge`].
    pub fn judge(&mut self, interface: &str, frame: &[u8]) -> Said {
        self.judge_split(interface, frame, None)
    }

    /// As [`Kernel::judge_split`].
    pub fn judge_split(&mut self, interface: &str, frame: &[u8], split: Option<u32>) -> Said {
        let judge = |kernel: &mut Kernel| kernel.judge_split(interface, frame, split);
        agreed(self.0.iter_mut().map(|it| (it.shape(), judge(it))))
    }

    /// As [`Kernel::judge_on_host`].
    #[must_use]
    pub fn judge_on_host(&self, interface: &str, frame: &[u8]) -> Said {
        let judge = |kernel: &Kernel| kernel.judge_on_host(interface, frame);
        agreed(self.0.iter().map(|it| (it.shape(), judge(it))))
    }
}

/// Whether the maps hold the same.
fn is_same(one: &Tables, other: &Tables) -> bool {
    let addresses = [Dimension::Source, Dimension::Destination];
    let mut alike = other.clone();
    alike.leaves = one.leaves;
    *one == alike
        && addresses
            .iter()
            .all(|it| one.shapes(*it) == other.shapes(*it))
}

fn agreed(said: impl IntoIterator<Item = (TableShape, Said)>) -> Said {
    let mut said = said.into_iter();
    let (first_shape, first) = said.next().expect("there is a shape");
    for (shape, other) in said {
        assert_eq!(first, other, "{first_shape:?} and {shape:?} tables");
    }
    first
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ruleset::{Criteria as _, config, drop};

    /// Prefixes of four lengths in a leaf of each family, each with a rule of its own.
    fn lengths() -> Config {
        let rule = |bits: u8| {
            let source = format!("192.0.2.0/{bits}, 2001:db8::/{}", 96 + bits);
            drop(format!("bits-{bits}")).source(&source)
        };
        config((25..29).map(rule))
    }

    fn hashed(shape: TableShape) -> [usize; 2] {
        let shapes = shape.compile(&lengths(), &[]).shapes(Dimension::Source);
        [shapes.v4.hashed, shapes.v6.hashed]
    }

    #[test]
    fn nodes_leave_nothing_to_the_hash() {
        assert_eq!(hashed(TableShape::Nodes), [0; 2]);
    }

    #[test]
    fn hashes_take_more_than_the_product_gives_them() {
        let [v4, v6] = hashed(TableShape::AsCompiled);
        let [more_v4, more_v6] = hashed(TableShape::Hashes);
        assert!(
            more_v4 > v4 && more_v6 > v6,
            "{more_v4} {v4} {more_v6} {v6}"
        );
    }

    #[test]
    fn nodes_have_long_rows_and_the_product_short_ones() {
        let single_word = |shape: TableShape| shape.compile(&lengths(), &[]).settings.single_word;
        assert_eq!(TableShape::ALL.map(single_word), [1, 0, 1]);
    }

    #[test]
    fn a_shape_is_the_same_only_as_itself() {
        let tables = TableShape::ALL.map(|shape| shape.compile(&lengths(), &[]));
        for (row, one) in tables.iter().enumerate() {
            for (column, other) in tables.iter().enumerate() {
                assert_eq!(is_same(one, other), row == column, "{row} {column}");
            }
        }
    }

    #[test]
    fn without_addresses_hashes_are_as_compiled() {
        let config = config([drop("tcp").protocol("6")]);
        let [as_compiled, _, hashes] = TableShape::ALL.map(|it| it.compile(&config, &[]));
        assert!(is_same(&as_compiled, &hashes));
    }

    #[test]
    #[should_panic(expected = "AsCompiled and Hashes tables")]
    fn shapes_that_disagree_fail_the_test() {
        let said = |verdict| Said {
            verdict,
            reason: "default",
            essential: None,
            rule: None,
        };
        agreed([
            (TableShape::AsCompiled, said("drop")),
            (TableShape::Nodes, said("drop")),
            (TableShape::Hashes, said("pass")),
        ]);
    }
}
