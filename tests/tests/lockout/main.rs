//! What keeps an operator from being locked out: the guard, logins, and expectations.

mod expectations;
mod guard;
mod logins;
