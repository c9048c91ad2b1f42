//! D15. Calls a granted name with records that say which host and port its service is at. They are passed over, and
//! nobody asks for them.

use attempt::Places;

fn main() {
    Places::new()
        .named("served.widgets.example")
        .at_both_doors();
}
