//! An operation of an AWS API, and what a policy must allow for it.

/// An operation by its API name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operation {
    /// The API's name (`PutObject`).
    pub name: &'static str,
    /// The IAM actions that it needs.
    pub needs: &'static [Need],
}

/// An IAM action that an operation needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Need {
    /// The action (`s3:PutObject`).
    pub action: &'static str,
    /// For which requests.
    pub when: When,
}

/// For which requests an operation needs an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// For all.
    Always,
    /// On the bucket, for an object that does not exist: without it S3 answers 403 instead of 404.
    Absent,
    /// With `If-Match`, which tells something about the object that is there.
    IfMatch,
    /// For an object as such.
    Unversioned,
    /// For one version of an object.
    Versioned,
}

impl Operation {
    /// What to allow after a denial, as one phrase: `s3:GetObject and s3:ListBucket`.
    pub fn to_allow(&self) -> String {
        self.needs.iter().map(|need| need.action).collect::<Vec<_>>().join(" and ")
    }
}

pub(crate) const fn always(action: &'static str) -> Need {
    Need { action, when: When::Always }
}
