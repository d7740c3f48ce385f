//! Training data made by models: the roles of a run as models that are asked, the suites that it must not learn, the student
//! that learns on the way, and what a run leaves behind.

mod config;
mod folder;
mod guard;
mod roles;
mod runs;
mod student;
mod work;

pub use config::{BudgetSettings, EndpointRole, InvalidRole, RoleSource, SynthConfig};
pub use folder::{FinishedRun, RunFolder};
pub use guard::ShippedSuites;
pub use roles::{Models, cast};
pub use runs::{LionRequest, WebrRequest, lion, webr};
pub use student::{LearnMethod, Learning, StudentSettings};
pub use work::{SynthSettings, SynthWork};
